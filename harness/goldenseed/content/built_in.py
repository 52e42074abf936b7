"""The scores that come with the package: of pixels, of how an image fits its prompt, of faces."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goldenseed.content.scores import Scene
from goldenseed.core.errors import GoldenseedError
from goldenseed.images.clip import Clip, open_clip
from goldenseed.images.weights import opencv

_CB = (77, 127)
_CR = (133, 173)


def sharpness(scene: Scene) -> float:
    """Return the variance of the brightness's Laplacian, 0 for a flat image, no upper bound.

    Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy" (ICPR 2000): the sum of
    each pixel's four neighbours less four times the pixel, in levels of 255, mirrored at the edges
    (as ``cv2.Laplacian``). Noise counts as sharpness, and the value depends on the image's size:
    take the limit from images of the same size that are as sharp as they should be.
    """
    import numpy as np
    from scipy.ndimage import laplace

    return float(laplace(scene.grey.astype(np.float64), mode="mirror").var())


def clipped_fraction(scene: Scene) -> float:
    """Return the share of pixels, 0…1, that are wholly black (0, 0, 0) or white (255, 255, 255).

    A pixel of a pure colour is not clipped: in generated pictures a single channel at its end is
    no fault.
    """
    import numpy as np

    pixels = scene.pixels
    clipped = (pixels == 0).all(axis=-1) | (pixels == 255).all(axis=-1)  # noqa: PLR2004
    return float(np.mean(clipped))


def skin_fraction(scene: Scene) -> float:
    """Return the share of pixels, 0…1, that have a colour of human skin.

    Chai and Ngan, "Face segmentation using skin-color map in videophone applications" (IEEE
    Transactions on Circuits and Systems for Video Technology 9(4), 1999): Cb from 77 to 127 and Cr
    from 133 to 173 in YCbCr by ITU-R BT.601, whose chroma goes from 16 to 240. Skin of every tone
    lies there, but so do wood, sand and sunsets: it says how much could be skin, never that it is.
    """
    import numpy as np
    from skimage.color import rgb2ycbcr

    _, cb, cr = np.moveaxis(rgb2ycbcr(scene.pixels), -1, 0)
    inside = (cb >= _CB[0]) & (cb <= _CB[1]) & (cr >= _CR[0]) & (cr <= _CR[1])
    return float(np.mean(inside))


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


_SCALE_STEP = 1.1
_NEIGHBOURS = 3


@dataclass(frozen=True)
class Face:
    """One detected face."""

    x: int
    y: int
    side: int
    confidence: float
    """The weight of the cascade's last stage; above 0."""


def face_confidence(scene: Scene) -> float:
    """Return the confidence of the surest frontal face, 0 if there is none, no upper bound.

    ``detectMultiScale3``'s level weight. It is no probability: on photographs of scikit-image the
    one frontal face has 3.4, while textures mistaken for a face have 0.9 to 1.8.
    """
    return max((face.confidence for face in faces(scene)), default=0.0)


def face_size(scene: Scene) -> float:
    """Return the side of the surest face as a share of the image's shorter side, 0 if none."""
    found = max(faces(scene), key=lambda face: face.confidence, default=None)
    return found.side / min(scene.image.size) if found else 0.0


def face_count(scene: Scene) -> float:
    """Return how many frontal faces are found; what ``face_confidence`` says of them holds here."""
    return float(len(faces(scene)))


def faces(scene: Scene) -> list[Face]:
    """Find upright frontal faces of at least 24 x 24 pixels.

    Local binary patterns in a cascade of 20 boosted stages (Liao et al., "Learning Multi-scale
    Block Local Binary Patterns for Face Recognition", ICB 2007; the cascade comes with
    scikit-image and was trained by OpenCV).

    Raises:
        ImportError: OpenCV is not installed.
        GoldenseedError: OpenCV was built without its contrib modules, or the cascade is unusable.
    """
    import numpy as np

    boxes, _, weights = _cascade().detectMultiScale3(
        np.ascontiguousarray(scene.grey),
        scaleFactor=_SCALE_STEP,
        minNeighbors=_NEIGHBOURS,
        outputRejectLevels=True,
    )
    return [
        Face(int(x), int(y), int(width), max(0.0, float(weight)))
        for (x, y, width, _), weight in zip(boxes, weights, strict=True)
    ]


def _cascade() -> Any:
    """Load scikit-image's cascade into OpenCV, with the name of one element put right.

    The file says ``featuhreParams``; OpenCV reads ``featureParams`` and nothing without it.
    """
    from skimage.data import lbp_frontal_face_cascade_filename

    cv2 = opencv("CascadeClassifier", "CascadeClassifier, which finds faces")
    text = Path(lbp_frontal_face_cascade_filename()).read_text(encoding="utf-8")
    storage = cv2.FileStorage(
        text.replace("featuhreParams", "featureParams"),
        cv2.FILE_STORAGE_READ | cv2.FILE_STORAGE_MEMORY,
    )
    cascade = cv2.CascadeClassifier()
    if not cascade.read(storage.getFirstTopLevelNode()):
        raise GoldenseedError(
            "OpenCV cannot read the face cascade that scikit-image brings",
            fix="use the versions in constraints.txt, and report this",
        )
    return cascade
