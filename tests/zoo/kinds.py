"""What each class makes that diffusers exports as a pipeline; what is not named makes one image."""

from __future__ import annotations

import inspect

VIDEO = """
AllegroPipeline AnimateDiffControlNetPipeline AnimateDiffPAGPipeline AnimateDiffPipeline
AnimateDiffSDXLPipeline AnimateDiffSparseControlNetPipeline
AnimateDiffVideoToVideoControlNetPipeline AnimateDiffVideoToVideoPipeline AnyFlowFARPipeline
AnyFlowPipeline ChronoEditPipeline CogVideoXFunControlPipeline CogVideoXImageToVideoPipeline
CogVideoXPipeline CogVideoXVideoToVideoPipeline ConsisIDPipeline Cosmos2VideoToWorldPipeline
Cosmos2_5_PredictBasePipeline Cosmos2_5_TransferPipeline Cosmos3OmniPipeline
CosmosTextToWorldPipeline CosmosVideoToWorldPipeline EasyAnimateControlPipeline
EasyAnimateInpaintPipeline EasyAnimatePipeline HeliosPipeline HeliosPyramidPipeline
HunyuanSkyreelsImageToVideoPipeline HunyuanVideo15ImageToVideoPipeline HunyuanVideo15Pipeline
HunyuanVideoFramepackPipeline HunyuanVideoImageToVideoPipeline HunyuanVideoPipeline
I2VGenXLPipeline Kandinsky5I2VPipeline Kandinsky5T2VPipeline Kandinsky6SRPipeline
Kandinsky6TI2VAPipeline LTX2ConditionPipeline LTX2DFRPipeline LTX2DFRTemporalRefinePipeline
LTX2HDRPipeline LTX2ImageToVideoPipeline LTX2InContextPipeline LTX2LatentUpsamplePipeline
LTX2Pipeline LTX2VideoDiffusionDecodePipeline LTXConditionPipeline LTXI2VLongMultiPromptPipeline
LTXImageToVideoPipeline LTXLatentUpsamplePipeline LTXPipeline LattePipeline LucyEditPipeline
MochiPipeline MotifVideoImage2VideoPipeline MotifVideoPipeline PIAPipeline
SanaImageToVideoPipeline SanaVideoPipeline SanaWMPipeline
SkyReelsV2DiffusionForcingImageToVideoPipeline SkyReelsV2DiffusionForcingPipeline
SkyReelsV2DiffusionForcingVideoToVideoPipeline SkyReelsV2ImageToVideoPipeline
SkyReelsV2Pipeline StableVideoDiffusionPipeline TextToVideoSDPipeline TextToVideoZeroPipeline
TextToVideoZeroSDXLPipeline VideoToVideoSDPipeline WanAnimatePipeline WanImageToVideoPipeline
WanPipeline WanVACEPipeline WanVideoToVideoPipeline
"""
SEVERAL = """
LEditsPPPipelineStableDiffusion LEditsPPPipelineStableDiffusionXL MarigoldIntrinsicsPipeline
QwenImageLayeredPipeline StableDiffusionDiffEditPipeline StableDiffusionLDM3DPipeline
"""
"""Several images of one call, or several calls for one image."""
EMBEDDINGS = """
FluxPriorReduxPipeline KandinskyPriorPipeline KandinskyV22PriorEmb2EmbPipeline
KandinskyV22PriorPipeline StableCascadePriorPipeline WuerstchenPriorPipeline
"""
SOUND = """
AceStepPipeline AudioLDM2Pipeline AudioLDMPipeline DanceDiffusionPipeline
LongCatAudioDiTPipeline MusicLDMPipeline StableAudio3AudioToAudioPipeline
StableAudio3InpaintPipeline StableAudio3Pipeline StableAudioPipeline
"""
TEXT = "DiffusionGemmaPipeline LLaDA2Pipeline"
SHAPE = "RFD4ProteinaPipeline ShapEImg2ImgPipeline ShapEPipeline"
KINDS = {
    name: kind
    for kind, names in {
        "video": VIDEO,
        "several": SEVERAL,
        "embeddings": EMBEDDINGS,
        "sound": SOUND,
        "text": TEXT,
        "shape": SHAPE,
    }.items()
    for name in names.split()
}


def exported() -> tuple[str, ...]:
    """Return the names of all classes of pipelines that ``diffusers.pipelines`` exports.

    ``AutoPipelineFor…`` choose one of them, and ``DiffusionPipeline`` is what all come from.
    """
    from diffusers import pipelines

    names = {name for group in pipelines._import_structure.values() for name in group}
    return tuple(
        name
        for name in sorted(names)
        if "Pipeline" in name
        and not name.startswith("AutoPipeline")
        and not name.endswith("Output")
        and name != "DiffusionPipeline"
        and inspect.isclass(getattr(pipelines, name, None))
    )


def kind_of(name: str) -> str:
    """Return what one call of the class makes: ``image``, ``several``, ``video``, …"""
    return KINDS.get(name, "image")


_LATER = frozenset({"KolorsImg2ImgPipeline", "KolorsPipeline"})
"""Exported beside the package `sentencepiece` alone, which was not there when the third was set."""


def held_out() -> tuple[str, ...]:
    """Return every third class that makes one image: those no rule was made for."""
    image = (name for name in exported() if kind_of(name) == "image" and name not in _LATER)
    return tuple(image)[2::3]
