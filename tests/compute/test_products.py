"""Weights that are prepared once, against what torch makes of them at every product."""

import copy
import io

import pytest
import torch
from torch import nn

from icbench.compute import onednn, products
from icbench.compute.probe import speeds
from icbench.compute.products import PackedLinear, cached_cast, pack_linears

KERNELS = ("torch", "onednn")


HAS_ONEDNN = {"onednn float32", "onednn bfloat16"} <= set(speeds())


@pytest.fixture(params=KERNELS)
def kernel(request, monkeypatch) -> str:
    """Every product by one library, however small the layer."""
    if request.param == "onednn" and not HAS_ONEDNN:
        pytest.skip("this torch has no such product for this processor")
    taken = (torch.float32, torch.bfloat16) if request.param == "onednn" else ()
    monkeypatch.setattr(products, "onednn_pays", lambda precision: precision in taken)
    monkeypatch.setattr(products, "SMALL", 1)
    return request.param


@pytest.fixture
def packings(monkeypatch) -> list[torch.Tensor]:
    """The weights that are laid out for oneDNN."""
    seen: list[torch.Tensor] = []
    pack = onednn.pack
    monkeypatch.setattr(onednn, "pack", lambda weight: seen.append(weight) or pack(weight))
    return seen


@pytest.fixture
def layers() -> tuple[nn.Linear, nn.Linear]:
    """A layer and torch's own, with the same frozen weights."""
    ours, torchs = (nn.Linear(7, 5) for _ in range(2))
    torchs.load_state_dict(ours.state_dict())
    for layer in (ours, torchs):
        layer.requires_grad_(False)
    pack_linears(ours)
    return ours, torchs


def close(found, expected, kernel):
    """The same numbers from torch, and the same but for rounding from another library."""
    assert found.dtype is expected.dtype
    if kernel == "torch":
        assert torch.equal(found, expected)
    else:
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=0.01 if found.dtype is torch.bfloat16 else 1e-5)


@pytest.mark.parametrize("shape", [(7,), (3, 7), (2, 3, 7), (0, 7)], ids=str)
@pytest.mark.parametrize("enabled", [True, False], ids=["autocast", "float32"])
def test_it_gives_what_torch_gives(layers, kernel, enabled, shape):
    features = torch.randn(shape)
    with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
        for _ in range(2):
            close(*(layer(features) for layer in layers), kernel)


@pytest.mark.parametrize("enabled", [True, False], ids=["autocast", "float32"])
def test_it_has_the_gradients_that_torch_has(layers, kernel, enabled):
    features = torch.randn(3, 7, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
        gradients = [torch.autograd.grad(layer(features).float().square().sum(), features)[0] for layer in layers]
    close(*gradients, kernel)


def test_it_derives_twice(layers, kernel):
    features = torch.randn(2, 7, requires_grad=True)
    found = []
    for layer in layers:
        [gradient] = torch.autograd.grad(layer(features).pow(3).sum(), features, create_graph=True)
        found.append(torch.autograd.grad(gradient.square().sum(), features)[0])
    torch.testing.assert_close(*found)


def test_a_layer_without_bias(kernel):
    layer = nn.Linear(7, 5, bias=False).requires_grad_(False)
    features = torch.randn(3, 7)
    expected = layer(features)
    pack_linears(layer)
    close(layer(features), expected, kernel)


def test_features_in_double_precision_are_left_to_torch(layers, kernel):
    ours, torchs = (layer.double() for layer in layers)
    features = torch.randn(3, 7, dtype=torch.float64)
    assert torch.equal(ours(features), torchs(features))


@pytest.mark.skipif(not HAS_ONEDNN, reason="this torch has no such product for this processor")
def test_weights_are_packed_once_and_small_ones_never(layers, packings, monkeypatch):
    monkeypatch.setattr(products, "onednn_pays", lambda precision: True)
    layer, features = layers[0], torch.randn(3, 7, requires_grad=True)
    layer(features)
    assert not packings
    monkeypatch.setattr(products, "SMALL", 1)
    for enabled in (True, False) * 3:
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            found = layer(features)
        if enabled:
            found.sum().backward()
    kinds = [(tuple(weight.shape), weight.dtype) for weight in packings]
    bfloat16, float32 = torch.bfloat16, torch.float32
    assert kinds == [((5, 7), bfloat16), ((7, 5), bfloat16), ((5, 7), float32)], "each once, and none that is not used"


def test_frozen_weights_are_rounded_once(layers):
    with torch.autocast("cpu", torch.bfloat16):
        assert cached_cast(layers[0].weight) is cached_cast(layers[0].weight)
    with torch.autocast("cpu", torch.float16):
        assert cached_cast(layers[0].weight).dtype is torch.float16


@pytest.mark.parametrize("enabled", [True, False], ids=["autocast", "float32"])
@pytest.mark.parametrize("change", ["in place", "by another tensor", "by another parameter"])
def test_weights_that_change_are_prepared_again(layers, kernel, change, enabled):
    features = torch.randn(3, 7)
    with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
        layers[0](features)
        for layer in layers:
            if change == "in place":
                layer.weight.add_(1)
            elif change == "by another tensor":
                layer.weight.data = layer.weight.data + 1
            else:
                layer.weight = nn.Parameter(layer.weight + 1, requires_grad=False)
        close(*(layer(features) for layer in layers), kernel)


def test_weights_that_are_made_anew_for_every_product_are_not_prepared(packings, monkeypatch):
    monkeypatch.setattr(products, "onednn_pays", lambda precision: True)
    monkeypatch.setattr(products, "SMALL", 1)
    layer = nn.Linear(7, 5).requires_grad_(False)
    weight = layer.weight
    del layer.weight
    layer.register_forward_pre_hook(lambda layer, _: setattr(layer, "weight", 2 * weight))
    pack_linears(layer)
    features = torch.randn(3, 7)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(
            layer(features).float(), features @ (2 * weight).T + layer.bias, atol=0.05, rtol=0.05
        )
    assert not packings


def test_in_training_the_weights_get_their_gradients(kernel):
    layer = nn.Linear(7, 5)
    pack_linears(layer)
    with torch.autocast("cpu", torch.bfloat16):
        layer(torch.randn(3, 7)).sum().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.abs().sum() > 0


def test_what_is_frozen_stays_the_same_layer():
    class Own(nn.Linear):
        pass

    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), Own(3, 3))
    told = []
    model[0].register_forward_hook(lambda layer, *_: told.append(layer))
    layers, weights = list(model), list(model.parameters())
    pack_linears(model)
    assert [type(layer) for layer in model] == [PackedLinear, nn.ReLU, Own]
    assert all(before is after for before, after in zip(layers, model, strict=True))
    assert all(before is after for before, after in zip(weights, model.parameters(), strict=True))
    model(torch.randn(2, 3))
    assert told == [model[0]]


def test_it_is_copied_and_saved_without_what_is_prepared(layers, kernel):
    layer, features = layers[0], torch.randn(3, 7)
    expected, file = layer(features), io.BytesIO()
    torch.save(layer, file)
    file.seek(0)
    for other in (copy.deepcopy(layer), torch.load(file, weights_only=False)):
        assert other.prepared is None
        assert torch.equal(other(features), expected)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:FutureWarning")  # by torch itself, when it first goes forward
def test_torch_func_takes_it(layers, kernel):
    features = torch.randn(4, 3, 7)
    for transformed in (torch.func.vmap, lambda layer: torch.func.vmap(torch.func.jacfwd(layer))):
        torch.testing.assert_close(*(transformed(layer)(features) for layer in layers))


def test_a_compiler_chooses_for_itself(layers, kernel, packings):
    layer, features = layers[0], torch.randn(3, 7)
    compiled = torch.compile(layer, backend="eager", fullgraph=True)
    assert torch.equal(compiled(features), layers[1](features))
    assert not packings
