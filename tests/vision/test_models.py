"""Models by name, and weights from wherever they come."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from vision._timm import timm
from vision.errors import InputError
from vision.models import Checkpoint, ModelSpec, create, initialise, load_checkpoint, resolve

FIVE = ("a", "b", "c", "d", "e")


@pytest.mark.parametrize(
    ("name", "timm_name"),
    [
        ("ResNet50", "resnet50"),
        ("DenseNet121", "densenet121"),
        ("Inception-V3", "inception_v3"),
        ("EfficientNet-B2", "efficientnet_b2"),
        ("test_efficientnet", "test_efficientnet"),
    ],
)
def test_names(name: str, timm_name: str) -> None:
    assert resolve(name) == timm_name


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(InputError, match=r"nearest are .*resnet50"):
        resolve("resnet500")


@pytest.mark.parametrize(
    ("name", "kind"),
    [("resnet18", "torchvision"), ("densenet121", "torchvision"), ("efficientnet_b2", "torchvision"),
     ("inception_v3", "torchvision"), ("test_resnet", "timm"), ("test_efficientnet", "timm")],
)  # fmt: skip
def test_weights_of_colour_models_give_the_same_logits_on_grey(name: str, kind: str, tmp_path: Path) -> None:
    """A colour model that is shown a grey film in all three channels, and ours that began with its weights."""
    torch.manual_seed(0)
    if kind == "timm":
        theirs: Any = timm.create_model(name, num_classes=1000)
    else:
        import torchvision

        arguments = {"init_weights": False, "aux_logits": True} if name == "inception_v3" else {}
        theirs = getattr(torchvision.models, name)(weights=None, num_classes=5, **arguments)
    for module in theirs.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.load_state_dict(  # no longer the identity
                {key: torch.rand(value.shape) * 0.4 + 0.8 for key, value in module.state_dict().items()}
            )
    torch.save(theirs.state_dict(), tmp_path / "theirs.pth")
    ours = create(name, 5, 96)
    said = initialise(ours, ModelSpec(name, FIVE, 96, 0.4, 0.2), str(tmp_path / "theirs.pth"))
    assert any("summed over 3 channels to one" in line for line in said)
    assert any("begins at random" in line for line in said) == (kind == "timm")
    grey = torch.randn(2, 1, 96, 96)
    with torch.no_grad():
        if kind == "timm":
            expected = theirs.eval().forward_features(grey.expand(-1, 3, -1, -1))
            got = ours.eval().forward_features(grey)  # type: ignore[operator]
        else:
            expected, got = theirs.eval()(grey.expand(-1, 3, -1, -1)), ours.eval()(grey)
    torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-4)


def spec(classes: Sequence[str] = FIVE) -> ModelSpec:
    return ModelSpec("test_resnet", tuple(classes), 32, 0.4, 0.2)


def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path) -> None:
    model = create("test_resnet", 5, 32).eval()
    Checkpoint(spec(), model.state_dict(), {"step": 3}).save(tmp_path / "c.pt")
    loaded = load_checkpoint(tmp_path / "c.pt")
    x = torch.randn(2, 1, 32, 32)
    assert torch.equal(loaded.build()(x), model(x))
    assert loaded.spec == spec()
    assert loaded.about == {"step": 3}


@pytest.mark.parametrize(("classes", "kept"), [(FIVE, True), (list("vwxyz"), False), (list("abcdefg"), False)])
def test_the_classifier_is_kept_for_the_same_classes_only(tmp_path: Path, classes: Sequence[str], kept: bool) -> None:
    before = create("test_resnet", 5, 32)
    Checkpoint(spec(), before.state_dict(), {}).save(tmp_path / "c.pt")
    after = create("test_resnet", len(classes), 32)
    said = initialise(after, spec(classes), str(tmp_path / "c.pt"))
    ours, theirs = after.state_dict(), before.state_dict()
    assert torch.equal(ours["conv1.0.weight"], theirs["conv1.0.weight"])
    assert (
        ours["fc.weight"].shape == theirs["fc.weight"].shape and torch.equal(ours["fc.weight"], theirs["fc.weight"])
    ) == kept
    assert any("begins at random" in line for line in said) != kept


def test_safetensors_and_wrapped_state_dicts(tmp_path: Path) -> None:
    weights = create("test_resnet", 5, 32).state_dict()
    save_file({key: value.contiguous() for key, value in weights.items()}, tmp_path / "w.safetensors")
    torch.save({"state_dict": {f"module.{k}": v for k, v in weights.items()}}, tmp_path / "wrapped.pt")
    torch.save({f"_orig_mod.{k}": v for k, v in weights.items()}, tmp_path / "compiled.pt")
    for name in ("w.safetensors", "wrapped.pt", "compiled.pt"):
        model = create("test_resnet", 5, 32)
        initialise(model, spec(), str(tmp_path / name))
        assert all(torch.equal(model.state_dict()[k], v) for k, v in weights.items()), name


def test_what_is_no_weights_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.pt").write_text("weights")
    (tmp_path / "text.safetensors").write_text("weights")
    torch.save([1, 2], tmp_path / "list.pt")
    torch.save({"a": 1}, tmp_path / "empty.pt")
    torch.save(create("test_efficientnet", 5, 32).state_dict(), tmp_path / "other.pt")
    for name in ("no.pt", "text.pt", "text.safetensors", "list.pt", "empty.pt", "other.pt", "."):
        with pytest.raises(InputError) as error:
            initialise(create("test_resnet", 5, 32), spec(), str(tmp_path / name))
        assert "\n" not in str(error.value)
        assert "needed" in str(error.value)


def test_models_of_a_fixed_size_are_built_for_the_size_that_is_asked_for() -> None:
    assert create("test_vit", 3, 64)(torch.zeros(2, 1, 64, 64)).shape == (2, 3)
    for name, size in (("test_vit", 30), ("inception_v3", 64)):
        with pytest.raises(InputError, match=rf"size {size}: {name} cannot take it"):
            create(name, 3, size)


def test_a_pickle_that_would_run_code_is_not_loaded(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, (f"touch {tmp_path}/owned",)

    torch.save({"model": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(InputError, match="safe to load"):
        initialise(create("test_resnet", 5, 32), spec(), str(tmp_path / "evil.pt"))
    assert not (tmp_path / "owned").exists()


def test_imagenet_without_network_says_what_to_do_instead(tmp_path: Path) -> None:
    code = (
        "from vision.models import ModelSpec, create, initialise\n"
        "from vision.errors import InputError\n"
        "spec = ModelSpec('test_resnet', ('a', 'b'), 32, 0.4, 0.2)\n"
        "try: initialise(create('test_resnet', 2, 32), spec, 'imagenet')\n"
        "except InputError as error: print(error)\n"
    )
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert "without network give --init FILE" in done.stdout
    assert done.stdout.count("\n") == 1
