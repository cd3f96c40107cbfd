"""`vnvision` as its user meets it: what it prints, where, and how it ends."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from tests.vision.conftest import Result
from tests.vision.drawn import CLASSES, draw_dataset
from vision.config import TrainConfig, parse_yaml
from vision.data import CHEXPERT_CLASSES

Command = Callable[..., Result]
SMALL = ["--model", "test_resnet", "--init", "random", "--size", "32", "--batch-size", "8", "--set", "steps=4", "--set",
         "valid_every=2", "--set", "accelerator=cpu"]  # fmt: skip


@pytest.fixture(scope="session")
def run(small_run: Path) -> Path:
    return small_run


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_help_and_version(vnvision: Command) -> None:
    commands = ["train", "evaluate", "predict", "bench", "sweep", "compare", "cam", "export", "report"]
    views = [("views", command) for command in ("train", "evaluate", "predict", "serve")]
    for command in [*((name,) for name in commands), ("views",), *views]:
        done = vnvision(*command, "--help")
        assert done.code == 0
        assert f"Example:\n    vnvision {' '.join(command)}" in done.out
    assert "vnvision" in vnvision("--version").out


def test_asking_for_help_does_not_wait_for_torch() -> None:
    code = "import sys; from vision.cli import main\ntry: main(['train', '--help'])\nfinally: print('torch' in sys.modules)"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("False\n")


def test_train_prints_the_checkpoint_and_nothing_else(vnvision: Command, films: Path, tmp_path: Path) -> None:
    done = vnvision("train", "--labels", films, "-o", tmp_path / "run", *SMALL)
    assert done.code == 0, done.err
    assert done.out == f"{tmp_path / 'run' / 'best.pt'}\n"
    assert "chosen there" in done.err
    saved = parse_yaml(tmp_path / "run" / "config.yaml")
    assert saved["labels"] == str(films)
    assert saved["betas"] == [0.9, 0.999]
    provenance = json.loads((tmp_path / "run" / "run.json").read_text())
    assert provenance["rows"] == {"train": 36, "valid": 12, "test": 12}
    assert provenance["versions"].keys() >= {"torch", "timm", "python"}
    assert len(provenance["labels_sha256"]) == len(provenance["images_sha256"]) == 64


def test_the_papers_settings_are_the_defaults() -> None:
    c = TrainConfig(labels=Path("x.csv"))
    assert (c.lr, c.betas, c.batch_size, c.size, c.epochs, c.valid_every) == (1e-3, (0.9, 0.999), 16, 768, 160, 413)
    assert (c.model, c.loss) == ("efficientnet_b2", "asl")


def test_configuration_file_and_settings(vnvision: Command, films: Path, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(
        f"labels: {films}\nmodel: test_resnet\ninit: random\nsize: 32\nbatch_size: 8\nsteps: 2\naccelerator: cpu\n"
        "loss: bce\nuncertain: {cardio: zeros}\n"
    )
    done = vnvision("train", "--config", tmp_path / "c.yaml", "--loss", "asl", "--set", "loss_options.gamma_neg=2",
                    "--set", "uncertain.pleura=ignore", "-o", tmp_path / "run")  # fmt: skip
    assert done.code == 0, done.err
    saved = parse_yaml(tmp_path / "run" / "config.yaml")
    assert saved["loss"] == "asl"
    assert saved["loss_options"] == {"gamma_neg": 2}
    assert saved["uncertain"] == {"cardio": "zeros", "pleura": "ignore"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "learning_rate=1"], "learning_rate: no such key"),
        (["--set", "batchsize=1"], "batchsize: no such key; did you mean 'batch_size'?"),
        (["--set", "lr=fast"], "lr: Input should be a valid number"),
        (["--set", "lr=-1"], "lr: Input should be greater than 0 (got -1)"),
        (["--set", "lr"], "--set lr: no key=value"),
        (["--set", "loss_options.gama_neg=2"], "asl has no 'gama_neg'; did you mean 'gamma_neg'?"),
        (["--set", "augment.rotation=3"], "augment.rotation: no such key; did you mean 'rotate'?"),
        (["--batch-size", "9", "--set", "accumulate=2"], "batch_size 9 does not divide"),
        (["--model", "resnet5"], "no such timm model"),
        (["--init", "weights.pt"], "no such file, a checkpoint or state dict is needed"),
        (["--classes", "pleura,nodule"], "no class column 'nodule'"),
        (["--config", "no.yaml"], "no.yaml:1:1: no such file"),
        (["--set", "warmup_steps=4"], "warmup_steps: 4 of 4 steps"),
    ],
)
def test_bad_options_are_one_line_and_exit_2(
    vnvision: Command, films: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    done = vnvision("train", "--labels", films, "-o", tmp_path / "run", *SMALL, *arguments)
    assert done.code == 2
    assert message in done.err
    assert "Traceback" not in done.err
    assert done.out == ""
    assert not (tmp_path / "run" / "last.pt").exists()


def test_devices_and_places_that_are_not_there(vnvision: Command, films: Path, run: Path, tmp_path: Path) -> None:
    done = vnvision("train", "--labels", films, "-o", "/dev/null/run", *SMALL)
    assert done.code == 2
    assert done.err.count("\n") == 1
    if not torch.cuda.is_available():
        done = vnvision("train", "--labels", films, "-o", tmp_path / "run", *SMALL, "--set", "accelerator=cuda")
        assert done.code == 2
        assert "accelerator cuda, 1 devices: " in done.err
        assert vnvision("predict", run, films.parent, "--accelerator", "cuda").code == 2


def test_broken_yaml_is_placed(vnvision: Command, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("lr: 1\nlr: 2\n")
    done = vnvision("train", "--config", tmp_path / "c.yaml", "-o", tmp_path / "run")
    assert done.code == 2
    assert f"{tmp_path / 'c.yaml'}:2:1: " in done.err


def test_bad_films_are_named_and_counted_before_training(vnvision: Command, tmp_path: Path) -> None:
    labels = draw_dataset(tmp_path / "films", 30, size=32)
    folder = labels.parent
    (folder / "film_0003.jpg").unlink()
    (folder / "film_0004.jpg").write_bytes((folder / "film_0005.jpg").read_bytes()[:400])
    (folder / "film_0006.jpg").write_text("no film")
    (folder / "film_0008.jpg").write_bytes((folder / "film_0007.jpg").read_bytes())
    text = labels.read_text().replace("film_0010.jpg,p5,train,", "film_0010.jpg,p5,train,7")
    labels.write_text(text + "film_0011.jpg,p5,train,0,0,0,0,0\nextra.jpg,p3,train,0,0,0,0,0\n")
    Image.new("L", (32, 32), 9).save(folder / "extra.jpg")
    done = vnvision("train", "--labels", labels, "-o", tmp_path / "run", *SMALL)
    assert done.code == 2
    for expected in (
        "film_0003.jpg:1:1: no such file",
        "film_0004.jpg:1:1: truncated",
        "film_0006.jpg:1:1: not an image",
        "film_0008.jpg:1:1: the same file as film_0007.jpg",
        "labels.csv:12:4: chest_wall is '7",
        "labels.csv:32:1: film_0011.jpg is there already in line 13",
        "patient p3 of train is in valid too",
        "7 problems: 1 out of range, 2 duplicate, 1 patient on both sides of a split, 1 missing, 1 truncated, 1 not an",
    ):
        assert expected in done.err
    assert not (tmp_path / "run").exists()
    allowed = vnvision("train", "--labels", labels, "-o", tmp_path / "run", "--allow-refused", *SMALL)
    assert allowed.code == 0, allowed.err
    assert "7 problems" in allowed.err
    rows = json.loads((tmp_path / "run" / "run.json").read_text())["rows"]
    assert sum(rows.values()) == 25


def test_a_wrong_folder_is_one_line(vnvision: Command, films: Path, tmp_path: Path) -> None:
    done = vnvision("train", "--labels", films, "--images", tmp_path, "-o", tmp_path / "run", *SMALL)
    assert done.code == 2
    assert "none of the 60 films is there" in done.err
    assert done.err.count("\n") == 1


def test_evaluate_writes_tables_and_plots(vnvision: Command, run: Path, tmp_path: Path) -> None:
    done = vnvision("evaluate", run, "-o", tmp_path / "e", "--replicates", 200)
    assert done.code == 0, done.err
    assert {p.name for p in (tmp_path / "e").iterdir()} == {
        "report.md", "metrics.csv", "predictions.csv", "roc.png", "precision_recall.png", "calibration.png"
    }  # fmt: skip
    for plot in (tmp_path / "e").glob("*.png"):
        with Image.open(plot) as image:
            assert min(image.size) > 400
    report = (tmp_path / "e" / "report.md").read_text()
    assert done.out == report + "\n"
    for expected in (
        "Table 6",
        "Figure 6",
        "Prevalence",
        "All positive",
        "split test: 12 films of 6 patients",
        "by patient",
    ):
        assert expected in report
    records = read((tmp_path / "e" / "metrics.csv").read_text())
    assert {r["metric"] for r in records} == {"f1", "auc", "ap", "sensitivity", "specificity", "brier"}
    assert len(records) == 6 * (len(CLASSES) + 1)


def test_without_a_test_split_it_says_that_valid_chose_the_checkpoint(
    vnvision: Command, run: Path, tmp_path: Path
) -> None:
    done = vnvision("evaluate", run, "-o", tmp_path / "e", "--split", "valid", "--replicates", 20)
    assert "no independent test: the checkpoint was chosen on these films" in done.out
    labels = draw_dataset(tmp_path / "two", 30, splits=("train", "valid"))
    vnvision("train", "--labels", labels, "-o", tmp_path / "two-run", *SMALL)
    done = vnvision("evaluate", tmp_path / "two-run", "--replicates", 20)
    assert "split valid: 12 films" in done.out
    assert "the checkpoint was chosen on these films" in (tmp_path / "two-run/evaluation-valid/report.md").read_text()


def test_thresholds_are_chosen_on_another_split_only(vnvision: Command, run: Path, tmp_path: Path) -> None:
    done = vnvision("evaluate", run, "-o", tmp_path / "e", "--thresholds", "test", "--replicates", 20)
    assert done.code == 2
    assert "chosen on the split that is reported" in done.err
    done = vnvision("evaluate", run, "-o", tmp_path / "e", "--thresholds", "valid", "--replicates", 20, "--json")
    result = json.loads(done.out)
    assert "thresholds chosen on valid for the highest F1" in result["notes"]
    assert {r["threshold"] for r in result["metrics"] if r["class"] in CLASSES} != {0.5}
    assert vnvision("evaluate", run, "--thresholds", "good").code == 2
    assert vnvision("evaluate", run, "--thresholds", "1.5").code == 2


def test_predictions_are_measured_like_the_run_they_come_from(
    vnvision: Command, run: Path, films: Path, tmp_path: Path
) -> None:
    predictions = tmp_path / "predictions.csv"
    assert vnvision("predict", run / "best.pt", films.parent, "-o", predictions).code == 0
    rows = read(predictions.read_text())
    assert len(rows) == 60
    assert list(rows[0]) == ["image", *CLASSES]
    assert all(0 <= float(row[c]) <= 1 for row in rows for c in CLASSES)
    from_csv = vnvision("predict", run, films, "-o", "-")
    assert from_csv.out == predictions.read_text()
    a = json.loads(vnvision("evaluate", run, "-o", tmp_path / "a", "--replicates", 50, "--json").out)
    b = json.loads(
        vnvision("evaluate", predictions, "--labels", films, "-o", tmp_path / "b", "--replicates", 50, "--json").out
    )
    for first, second in zip(a["metrics"], b["metrics"], strict=True):
        assert first == pytest.approx(second, abs=1e-6)


def test_predict_goes_on_without_the_bad_ones(vnvision: Command, run: Path, films: Path, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    (folder / "good.jpg").write_bytes((films.parent / "film_0000.jpg").read_bytes())
    (folder / "bad.jpg").write_text("no film")
    (folder / "notes.txt").write_text("not looked at")
    done = vnvision("predict", run, folder, "-o", tmp_path / "p.csv")
    assert done.code == 2
    assert "bad.jpg:1:1: not an image" in done.err
    assert "1 problems: 1 not an image" in done.err
    assert [row["image"] for row in read((tmp_path / "p.csv").read_text())] == ["good.jpg"]
    assert vnvision("predict", run, folder, "-o", tmp_path / "p.csv", "--allow-refused").code == 0
    (folder / "list.csv").write_text("image\ngood.jpg\ngone.jpg\ngood.jpg\n")
    done = vnvision("predict", run, folder / "list.csv")
    assert done.code == 2
    assert len(read(done.out)) == 1
    assert "list.csv:4:1: good.jpg is there already" in done.err
    assert "gone.jpg:1:1: no such file" in done.err


def test_a_perfect_and_a_constant_model(vnvision: Command, tmp_path: Path) -> None:
    """Known scores give known tables, and the paired comparison sees the difference."""
    rows = [(f"{i}.jpg", i % 4 == 0) for i in range(40)]
    (tmp_path / "l.csv").write_text("image,nodule,mass\n" + "".join(f"{n},{int(p)},0\n" for n, p in rows))
    (tmp_path / "perfect.csv").write_text(
        "image,nodule,mass\n" + "".join(f"{n},{0.9 if p else 0.1},0.2\n" for n, p in rows)
    )
    (tmp_path / "constant.csv").write_text("image,nodule,mass\n" + "".join(f"{n},0.7,0.2\n" for n, _ in rows))
    done = vnvision("evaluate", tmp_path / "constant.csv", "--labels", tmp_path / "l.csv", "--against",
                    tmp_path / "perfect.csv", "-o", tmp_path / "e", "--json")  # fmt: skip
    assert done.code == 0, done.err
    result = json.loads(done.out)
    assert (result["split"], result["films"], result["patients"]) == ("all", 40, None)
    found = {(r["class"], r["metric"]): r for r in result["metrics"]}
    assert found["nodule", "f1"]["value"] == pytest.approx(0.4)
    assert found["nodule", "f1"]["all_positive"] == pytest.approx(0.4)
    assert found["nodule", "auc"]["value"] == 0.5
    assert found["nodule", "ap"]["value"] == 0.25
    assert found["nodule", "brier"]["value"] == pytest.approx(0.25 * 0.09 + 0.75 * 0.49)
    assert found["mass", "auc"]["value"] is None
    assert found["mass", "auc"]["undefined_replicates"] == 3000
    assert found["macro over 1", "auc"]["value"] == 0.5
    paired = {(r["class"], r["metric"]): r for r in result["against"]}
    assert paired["nodule", "auc"]["value"] == 0.5
    assert paired["nodule", "auc"]["p"] < 0.01
    assert paired["nodule", "f1"]["low"] > 0
    assert paired["mass", "specificity"]["p"] == 1
    report = (tmp_path / "e" / "report.md").read_text()
    assert "undefined" in report
    assert "Average over 1 (F1), 1 (AUC), 1 (sensitivity), 2 (specificity) of 2 classes" in report
    assert "undefined" in (tmp_path / "e" / "metrics.csv").read_text()


def test_what_evaluate_refuses(vnvision: Command, films: Path, run: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("image,chest_wall\nfilm_0000.jpg,1.5\nfilm_0001.jpg,\n")
    (tmp_path / "other.csv").write_text("image,nodule\nfilm_0000.jpg,0.5\n")
    (tmp_path / "strangers.csv").write_text("image,pleura\nx.jpg,0.5\n")
    cases = [
        (["evaluate", tmp_path / "bad.csv", "--labels", films], "bad.csv:2:1: a score is missing or none"),
        (["evaluate", tmp_path / "other.csv", "--labels", films], "no class column 'nodule'"),
        (["evaluate", tmp_path / "strangers.csv", "--labels", films], "no film has a score"),
        (["evaluate", tmp_path / "other.csv"], "--labels FILE is needed"),
        (["evaluate", tmp_path], "best.pt:1:1: no such file"),
        (["evaluate", run, "--split", "holdout"], "no holdout rows, splits there are test, train, valid"),
        (["predict", films, films.parent], "safe to load"),
        (["predict", run, tmp_path], "no image in this folder"),
    ]
    for arguments, message in cases:
        done = vnvision(*arguments)
        assert done.code == 2, arguments
        assert message in done.err
        assert "Traceback" not in done.err


def test_sweep_writes_the_table_and_does_nothing_twice(vnvision: Command, films: Path, tmp_path: Path) -> None:
    (tmp_path / "grid.yaml").write_text(
        "caption: Table 4.\ncolumn: Pretrained dataset + Loss function\nlabel: '{init} + {loss}'\n"
        "names: {pretrained: Drawn, bce: BCE, asl: ASL}\nreplicates: 50\n"
        "base: {model: test_resnet, size: 32, batch_size: 8, steps: 4, valid_every: 2, accelerator: cpu}\n"
        "pretrain: {init: random, size: 32, batch_size: 8, steps: 2, accelerator: cpu}\n"
        "grid: {init: [random, pretrained, nothing.pt], loss: [bce, asl]}\n"
    )
    arguments = ["sweep", tmp_path / "grid.yaml", "-o", tmp_path / "s", "--set", f"labels={films}", "--set",
                 f"pretrain.labels={films}", "--set", f"pretrain.images={films.parent}"]  # fmt: skip
    done = vnvision(*arguments)
    assert done.code == 2  # of the six two have no weights to begin with, and the other four are done
    assert "2 problems; 4 runs are in" in done.err
    table = (tmp_path / "s" / "grid.md").read_text()
    for label in ("random + BCE", "random + ASL", "Drawn + BCE", "Drawn + ASL", "All positive"):
        assert f"| {label} | Chest wall |" in table
    assert table.count("| Average over") + table.count("| Average over 5") >= 5
    assert (tmp_path / "s" / "pretrained-test_resnet" / "best.pt").exists()
    times = {p: p.stat().st_mtime_ns for p in (tmp_path / "s").rglob("*.pt")}
    again = vnvision(*arguments, "--set", "grid.init=[random, pretrained]")
    assert again.code == 0, again.err
    assert again.err.count("is finished") == 6
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "s").rglob("*.pt")} == times
    assert "Drawn + ASL" in again.out


@pytest.mark.parametrize("name", ["table4", "table5"])
def test_the_shipped_sweeps_ask_for_the_data(vnvision: Command, tmp_path: Path, name: str) -> None:
    done = vnvision("sweep", name, "-o", tmp_path)
    assert done.code == 2
    assert "--set pretrain.labels=FILE is needed" in done.err
    from vision.sweep import load_sweep

    sweep = load_sweep(Path(name))
    assert len(sweep.grid) == 2
    for value in sweep.pretrain | sweep.base:
        assert value in TrainConfig.model_fields


def test_bad_sweeps(vnvision: Command, tmp_path: Path) -> None:
    for text, message in [
        ("caption: x\ngrid: {los: [bce]}\n", "grid: no key 'los'; did you mean 'loss'?"),
        ("caption: x\ngrids: {loss: [bce]}\n", "did you mean 'grid'?"),
        ("caption: x\ngrid: {loss: bce}\n", "grid.loss"),
    ]:
        (tmp_path / "s.yaml").write_text(text)
        done = vnvision("sweep", tmp_path / "s.yaml", "-o", tmp_path / "out")
        assert done.code == 2
        assert message in done.err


def test_bench_measures_both_in_the_same_run(vnvision: Command) -> None:
    done = vnvision("bench", "--model", "test_resnet", "--size", 32, "--batch-size", 4, "--steps", 1, "--rounds", 1,
                    "--films", 8, "--no-gains", "--set", "accelerator=cpu", "--json")  # fmt: skip
    assert done.code == 0, done.err
    result = json.loads(done.out)
    assert result["training_images_per_second"] > 0
    expected = result["training_images_per_second"] / result["model_alone_images_per_second"]
    assert result["ratio"] == pytest.approx(expected)
    minutes = 160 * 7001 / result["training_images_per_second"] + 170 * 3001 / result["evaluation_images_per_second"]
    assert result["projected_minutes_of_the_paper"] == pytest.approx(minutes / 60)


def test_pretraining_on_chexpert_is_the_same_command(vnvision: Command, films: Path, tmp_path: Path) -> None:
    """Its train.csv as it is, 14 classes with 1, 0, -1 and blank; its checkpoint begins a run of five classes."""
    with films.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with (tmp_path / "train.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *CHEXPERT_CLASSES], restval="")
        writer.writeheader()
        for i, row in enumerate(rows):
            path = Path("train", f"patient{i // 2:05d}", "study1", f"view{i}.jpg")
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_bytes((films.parent / row["image"]).read_bytes())
            values = {
                "Edema": "-1.0",
                "Cardiomegaly": f"{row['cardio']}.0",
                "No Finding": ["1.0", ""][int(row["abnormal"])],
            }
            path = Path("CheXpert-v1.0") / path
            writer.writerow(
                {"Path": path, "Frontal/Lateral": "Frontal", "AP/PA": "AP", "Age": 50, "Sex": "Male"} | values
            )
    done = vnvision(
        "train", "--labels", tmp_path / "train.csv", "-o", tmp_path / "chexpert", "--uncertain", "ignore", *SMALL
    )
    assert done.code == 0, done.err
    assert "no known label of Edema" in done.err
    assert json.loads((tmp_path / "chexpert" / "run.json").read_text())["rows"] == {"train": 42, "valid": 18, "test": 0}
    arguments = [
        "train",
        "--labels",
        films,
        "-o",
        tmp_path / "run",
        *SMALL,
        "--init",
        tmp_path / "chexpert" / "best.pt",
    ]
    done = vnvision(*arguments)
    assert done.code == 0, done.err
    assert "the classifier is of other classes and begins at random" in done.err
    assert vnvision("evaluate", tmp_path / "run", "--replicates", 10).code == 0


def test_a_real_run_on_real_films(vnvision: Command, shared: Path, tmp_path: Path) -> None:
    """The manifest of real films, as somebody else made it: other column names, other columns, a class never known."""
    with (shared / "cxr" / "manifest.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["source"] == "nih_chestxray14"][::8]
    with (tmp_path / "nih.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    done = vnvision(
        "train", "--labels", tmp_path / "nih.csv", "--images", shared / "cxr", "-o", tmp_path / "run", *SMALL
    )
    assert done.code == 0, done.err
    assert "no known label of chest_wall" in done.err
    done = vnvision("evaluate", tmp_path / "run", "--replicates", 100)
    assert done.code == 0, done.err
    assert "| Chest wall | undefined | undefined | undefined | undefined | undefined |" in done.out
    assert " of 5 classes" in done.out
