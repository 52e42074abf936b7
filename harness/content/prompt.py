"""How well an image fits its prompt, by models of CLIP's kind from local folders."""

from __future__ import annotations

from harness.comparison.clip import Clip, open_clip
from harness.content.score import Scene
from harness.errors import GoldenseedError


def clip_score(scene: Scene) -> float:
    """Return the cosine of the image's and the prompt's CLIP embeddings, -1…1.

    Hessel et al., "CLIPScore: A Reference-free Evaluation Metric for Image Captioning" (EMNLP
    2021), without its factor 2.5 and its floor at 0. Which values are good depends on the model;
    for OpenAI's they seldom leave 0.15…0.35. A prompt longer than the text model takes is cut.

    Raises:
        ImportError: torch or transformers is not installed.
        GoldenseedError: no prompt, or no usable model in the folder.

    """
    clip, prompt = _given(scene, "clip_score")
    return clip.cosine(scene.rgb, prompt)


def pick_score(scene: Scene) -> float:
    """Return PickScore: the model's logit scale times the cosine of image and prompt.

    Kirstain et al., "Pick-a-Pic: An Open Dataset of User Preferences for Text-to-Image Generation"
    (NeurIPS 2023). With its published weights good images have about 20 to 23; only differences
    for the same prompt mean something.

    Raises:
        ImportError, GoldenseedError: as ``clip_score``.

    """
    clip, prompt = _given(scene, "pick_score")
    return clip.logit_scale * clip.cosine(scene.rgb, prompt)


def _given(scene: Scene, name: str) -> tuple[Clip, str]:
    if scene.prompt is None:
        raise GoldenseedError(f"{name} needs a prompt, and this image has none")
    if scene.model is None:
        raise GoldenseedError(f"{name} needs a model's folder")
    return open_clip(scene.model), scene.prompt
