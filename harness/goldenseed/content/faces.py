"""Frontal faces, by OpenCV's cascade classifier and the cascade that scikit-image brings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goldenseed.content.scores import Scene
from goldenseed.core.errors import GoldenseedError
from goldenseed.images.weights import opencv

SCALE_STEP = 1.1

NEIGHBOURS = 3


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
        scaleFactor=SCALE_STEP,
        minNeighbors=NEIGHBOURS,
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
