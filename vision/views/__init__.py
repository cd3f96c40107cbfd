"""Is a film a frontal PA chest film? The classifier of the data-set stage: run by onnxruntime, trained by torch."""
