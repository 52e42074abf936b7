"""Why classes that are exported are not built here, each in a sentence."""

from __future__ import annotations

_SAID = "diffusers 0.42.1 cannot load it: it looks for its {part} where that no longer is"

ELSEWHERE = {
    "RobertaSeriesModelWithTransformation": ("AltDiffusion", "AltDiffusionImg2Img"),
    "ContextCLIPTextModel": ("BlipDiffusion", "BlipDiffusionControlNet"),
    "PaellaVQModel": (
        "StableCascadeCombined",
        "StableCascadeDecoder",
        "WuerstchenCombined",
        "WuerstchenDecoder",
    ),
    "WuerstchenPrior": ("WuerstchenPrior",),
    "UnCLIPTextProjModel": ("UnCLIP", "UnCLIPImageVariation"),
    "PaintByExampleImageEncoder": ("PaintByExample",),
    "LearnedClassifierFreeSamplingEmbeddings": ("VQDiffusion",),
    "UNetFlatConditionModel": (
        "VersatileDiffusion",
        "VersatileDiffusionDualGuided",
        "VersatileDiffusionImageVariation",
        "VersatileDiffusionTextToImage",
    ),
}
"""A part that diffusers asks its top level for, and has not there, to the classes that need it."""

REASONS = {
    **{
        f"{name}Pipeline": _SAID.format(part=part)
        for part, names in ELSEWHERE.items()
        for name in names
    },
    "KarrasVePipeline": _SAID.format(part="KarrasVeScheduler"),
    "UniDiffuserPipeline": "not built small yet: it draws a picture and its text together",
    "ChromaInpaintPipeline": (
        "diffusers 0.42.1 cannot run it: it asks its transformer for `guidance_embeds`, which "
        "Chroma's has not"
    ),
    "Cosmos2TextToImagePipeline": "it needs the package `cosmos_guardrail` and its weights",
    "GlmImagePipeline": "not built small yet: its tokens are generated one by one before the image",
    "IFImg2ImgSuperResolutionPipeline": (
        "diffusers 0.42.1 cannot load it beside transformers 5: it asks for its safety checker, "
        "which lacks what transformers then asks of it (`all_tied_weights_keys`)"
    ),
}
"""Of the classes that make one image, several, or embeddings."""
