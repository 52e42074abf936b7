"""LPIPS and DISTS: distances of two images in the features of a network trained on photographs.

Both networks are short, so they are written out here over the weights of the metrics' own packages;
those packages need torchvision, and download on construction.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from goldenseed.core.errors import GoldenseedError
from goldenseed.images.clip import open_clip, within
from goldenseed.images.pair import Pair, unit
from goldenseed.images.weights import read_tensors, weights_at

if TYPE_CHECKING:
    import torch

    Tensors = dict[str, torch.Tensor]

_ALEXNET = (
    # the layer, its stride, its padding, whether pooled before
    ("net.slice1.0", 4, 2, False),
    ("net.slice2.3", 1, 2, True),
    ("net.slice3.6", 1, 1, True),
    ("net.slice4.8", 1, 1, False),
    ("net.slice5.10", 1, 1, False),
)
_LPIPS_SHIFT = (-0.030, -0.088, -0.188)
_LPIPS_SCALE = (0.458, 0.448, 0.450)
_LPIPS_SMALLEST = 64

_VGG16 = ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28))
_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_DEVIATION = (0.229, 0.224, 0.225)
_DISTS_SIDE = 256
_DISTS_STABLE = 1e-6


def lpips(pair: Pair) -> float:
    """Return LPIPS 0.1 on AlexNet, 0 for equal images, no upper bound, seldom above 1.

    Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric" (CVPR
    2018): features of five layers, each position's vector at length 1, squared differences weighed
    by channel, the mean over positions, the sum over layers. Weights: ``lpips.safetensors``, the
    state dict of ``lpips.LPIPS(net="alex")``. A side below 64 pixels is enlarged to 64 by
    repeating pixels.

    Raises:
        ImportError: torch or safetensors is not installed.
        GoldenseedError: no weights, or not LPIPS's.
    """
    import torch

    file = weights_at("lpips", "lpips.safetensors")
    layers = tuple(layer for layer, *_ in _ALEXNET)
    linear = tuple(f"lin{index}.model.1.weight" for index in range(len(layers)))
    convolutions = tuple(f"{layer}.{part}" for layer in layers for part in ("weight", "bias"))
    weights = read_tensors(file, (*convolutions, *linear))
    if any((weights[name] < 0).any() for name in linear):
        raise GoldenseedError(
            "has negative linear weights, which LPIPS never has", path=file, fix="save it again"
        )
    with torch.inference_mode(), _fitting(file):
        current, accepted = (_alexnet(_lpips_input(image), weights) for image in pair.rgb)
        parts = [
            ((_at_length_one(a) - _at_length_one(b)).square() * weights[name]).sum(dim=1).mean()
            for a, b, name in zip(current, accepted, linear, strict=True)
        ]
    return float(sum(parts))


def dists(pair: Pair) -> float:
    """Return DISTS, 0 for equal images, seldom above 1.

    Ding et al., "Image Quality Assessment: Unifying Structure and Texture Similarity" (IEEE TPAMI
    44(5), 2022): means and covariances of the image and of five stages of VGG16, each channel by
    its weights. It takes one patch of a texture for another and so looks past grain. Weights:
    ``dists.safetensors``, the state dict of ``DISTS_pytorch.DISTS()``. As its authors do, an image
    whose shorter side exceeds 256 pixels is scaled down to that.

    Raises:
        ImportError, GoldenseedError: as ``lpips``.
    """
    import torch

    file = weights_at("dists", "dists.safetensors")
    convolutions = tuple(
        f"{_vgg_layer(stage, layer)}.{part}"
        for stage, layers in enumerate(_VGG16)
        for layer in layers
        for part in ("weight", "bias")
    )
    weights = read_tensors(file, (*convolutions, "alpha", "beta"))
    with torch.inference_mode(), _fitting(file):
        current, accepted = (_vgg(_dists_input(image), weights) for image in pair.rgb)
        sizes = [features.shape[1] for features in current]
        total = weights["alpha"].sum() + weights["beta"].sum()
        alpha, beta = (
            torch.split(weights[name] / total, sizes, dim=1) for name in ("alpha", "beta")
        )
        likeness = sum(
            _likeness(*each) for each in zip(current, accepted, alpha, beta, strict=True)
        )
    return max(0.0, 1.0 - float(likeness))


def clip_similarity(pair: Pair) -> float:
    """Return the cosine of both images' CLIP embeddings, -1…1, 1 for equal images.

    What the pictures show counts, hardly how: it is blind to small change by design. The model is
    the folder ``clip`` in the weights' folder, as ``open_clip`` reads it.

    Raises:
        ImportError: torch or transformers is not installed.
        GoldenseedError: no model, or an unusable one.
    """
    clip = open_clip(weights_at("clip_similarity", "clip"))
    current, accepted = (clip.image_vector(image) for image in pair.rgb)
    return within(float(current @ accepted))


@contextmanager
def _fitting(file: Path) -> Iterator[None]:
    """Turn what torch says of tensors that do not fit together into an error about their file."""
    try:
        yield
    except RuntimeError as error:
        raise GoldenseedError(
            f"holds tensors that do not fit together: {error}",
            path=file,
            fix="save the state dict of the metric's own package: see docs/metrics.md",
        ) from error


def _lpips_input(image: Image.Image) -> torch.Tensor:
    width, height = (max(side, _LPIPS_SMALLEST) for side in image.size)
    enlarged = image.resize((width, height), Image.Resampling.NEAREST)
    return (_unit(enlarged) * 2 - 1 - _per_channel(_LPIPS_SHIFT)) / _per_channel(_LPIPS_SCALE)


def _alexnet(x: torch.Tensor, weights: Tensors) -> list[torch.Tensor]:
    from torch.nn.functional import conv2d, max_pool2d

    features = []
    for layer, stride, padding, pooled in _ALEXNET:
        if pooled:
            x = max_pool2d(x, kernel_size=3, stride=2)
        x = conv2d(x, weights[f"{layer}.weight"], weights[f"{layer}.bias"], stride, padding).relu()
        features.append(x)
    return features


def _at_length_one(features: torch.Tensor) -> torch.Tensor:
    return features / (features.square().sum(dim=1, keepdim=True).sqrt() + 1e-10)


def _dists_input(image: Image.Image) -> torch.Tensor:
    short = min(image.size)
    if short > _DISTS_SIDE:
        width, height = (_DISTS_SIDE * side // short for side in image.size)
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    return _unit(image)


def _vgg_layer(stage: int, layer: int) -> str:
    return f"stage{stage + 1}.{layer}"


def _vgg(image: torch.Tensor, weights: Tensors) -> list[torch.Tensor]:
    from torch.nn.functional import conv2d

    features = [image]
    x = (image - _per_channel(_IMAGENET_MEAN)) / _per_channel(_IMAGENET_DEVIATION)
    for stage, layers in enumerate(_VGG16):
        if stage:
            x = _l2_pooled(x)
        for layer in layers:
            name = _vgg_layer(stage, layer)
            x = conv2d(x, weights[f"{name}.weight"], weights[f"{name}.bias"], padding=1).relu()
        features.append(x)
    return features


def _l2_pooled(x: torch.Tensor) -> torch.Tensor:
    """Halve by the root of the mean square under a Hann window of 3 x 3."""
    import torch
    from torch.nn.functional import conv2d

    along = torch.tensor([0.5, 1.0, 0.5])
    window = torch.outer(along, along) / along.sum() ** 2
    filters = window.repeat(x.shape[1], 1, 1, 1)
    squares = conv2d(x.square(), filters, stride=2, padding=1, groups=x.shape[1])
    return (squares + 1e-12).sqrt()


def _likeness(
    a: torch.Tensor, b: torch.Tensor, alpha: torch.Tensor, beta: torch.Tensor
) -> torch.Tensor:
    """Return one stage's texture and structure terms, weighed and summed over its channels."""
    mean_a, mean_b = (each.mean((2, 3), keepdim=True) for each in (a, b))
    variance_a = (a - mean_a).square().mean((2, 3), keepdim=True)
    variance_b = (b - mean_b).square().mean((2, 3), keepdim=True)
    covariance = (a * b).mean((2, 3), keepdim=True) - mean_a * mean_b
    texture = (2 * mean_a * mean_b + _DISTS_STABLE) / (
        mean_a.square() + mean_b.square() + _DISTS_STABLE
    )
    structure = (2 * covariance + _DISTS_STABLE) / (variance_a + variance_b + _DISTS_STABLE)
    return (alpha * texture + beta * structure).sum()


def _unit(image: Image.Image) -> torch.Tensor:
    """Return an RGB image as 1 x 3 x height x width, 0…1."""
    import torch

    return torch.from_numpy(unit(image)).permute(2, 0, 1)[None]


def _per_channel(values: tuple[float, float, float]) -> torch.Tensor:
    import torch

    return torch.tensor(values)[None, :, None, None]
