"""Pictures with parameters as six programs write them, for tests: the chunks are those programs'.

What each program puts where: A1111's ``modules/images.py`` (``parameters``; EXIF's UserComment in
JPEG and WebP), ComfyUI's ``SaveImage`` (``prompt`` and ``workflow``; through its API ``prompt``
alone), InvokeAI 2, 3 and older (``Dream``, ``sd-metadata``, ``invokeai_metadata``), Fooocus
(``parameters`` in JSON), NovelAI (``Comment`` and others; the lowest bits of alpha).
"""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

SIZE = (64, 48)


def png(texts: Mapping[str, str], size: tuple[int, int] = SIZE) -> bytes:
    info = PngInfo()
    for key, value in texts.items():
        if value.isascii():
            info.add_text(key, value)
        else:
            info.add_itxt(key, value)
    stream = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(stream, "PNG", pnginfo=info)
    return stream.getvalue()


def with_comment(form: str, text: str) -> bytes:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + text.encode("utf-16-be")
    stream = io.BytesIO()
    Image.linear_gradient("L").resize(SIZE).convert("RGB").save(stream, form, exif=exif)
    return stream.getvalue()


def hidden(document: Mapping[str, Any]) -> bytes:
    """As NovelAI hides it: the lowest bits of alpha, column by column."""
    body = gzip.compress(json.dumps(document).encode())
    data = b"stealth_pngcomp" + (len(body) * 8).to_bytes(4, "big") + body
    bits = np.unpackbits(np.frombuffer(data, np.uint8))
    pixels = np.full((128, 128, 4), 255, np.uint8)
    alpha = pixels[..., 3].T.copy().ravel()
    alpha[: len(bits)] = (alpha[: len(bits)] & 0xFE) | bits
    pixels[..., 3] = alpha.reshape(128, 128).T
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def infotext(prompt: str, negative: str = "", **pairs: object) -> str:
    named = ", ".join(f"{key.replace('_', ' ')}: {value}" for key, value in pairs.items())
    lines = [prompt, *([f"Negative prompt: {negative}"] if negative else []), named]
    return "\n".join(lines)


A1111 = infotext(
    "a red apple on a white table",
    "blurry, low quality",
    Steps=20,
    Sampler="Euler",
    CFG_scale=7.5,
    Seed=99,
    Size="512x768",
    Model_hash="6ce0161689",
    Model="v1-5-pruned-emaonly",
    RNG="CPU",
    Version="v1.9.4",
)


def graph(**changes: Any) -> dict[str, Any]:
    """ComfyUI's first example, in the API's form."""
    nodes: dict[str, Any] = {
        "3": {
            "class_type": "KSampler",
            "inputs": {
                "seed": 156680208700286,
                "steps": 20,
                "cfg": 8,
                "sampler_name": "euler",
                "scheduler": "normal",
                "denoise": 1,
                "model": ["4", 0],
                "positive": ["6", 0],
                "negative": ["7", 0],
                "latent_image": ["5", 0],
            },
        },
        "4": {
            "class_type": "CheckpointLoaderSimple",
            "inputs": {"ckpt_name": "C:\\models\\v1-5-pruned-emaonly.safetensors"},
        },
        "5": {
            "class_type": "EmptyLatentImage",
            "inputs": {"width": 512, "height": 640, "batch_size": 1},
        },
        "6": {
            "class_type": "CLIPTextEncode",
            "inputs": {"text": "scenery of nature, glass bottle", "clip": ["4", 1]},
        },
        "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "watermark", "clip": ["4", 1]}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "x", "images": ["8", 0]}},
    }
    for place, value in changes.items():
        number, key = place.removeprefix("n").split("_", 1)
        nodes[number]["inputs"][key] = value
    return nodes


def workflow(nodes: Mapping[str, Any]) -> dict[str, Any]:
    kinds = {"model": "MODEL", "positive": "CONDITIONING", "negative": "CONDITIONING"}
    kinds |= {"latent_image": "LATENT", "clip": "CLIP", "samples": "LATENT", "vae": "VAE"}
    links = [
        [n, value[0], value[1], number, 0, kinds.get(key, "IMAGE")]
        for n, (number, key, value) in enumerate(
            (number, key, value)
            for number, node in nodes.items()
            for key, value in node["inputs"].items()
            if isinstance(value, list)
        )
    ]
    return {"nodes": [], "links": links}


def comfy(nodes: Mapping[str, Any], *, api: bool = False) -> bytes:
    texts = {"prompt": json.dumps(nodes)}
    return png(texts if api else {**texts, "workflow": json.dumps(workflow(nodes))})


FOOOCUS = {
    "adm_guidance": "(1.5, 0.8, 0.3)",
    "base_model": "juggernautXL_v8",
    "loras": [],
    "base_model_hash": "aeb7e9e689",
    "full_negative_prompt": ["dark"],
    "metadata_scheme": "f",
    "full_prompt": ["a cat", "cinematic"],
    "guidance_scale": 4.0,
    "negative_prompt": "dark",
    "performance": "Speed",
    "prompt": "a cat",
    "resolution": "(1152, 896)",
    "seed": "17",
    "refiner_model": "None",
    "sampler": "dpmpp_2m_sde_gpu",
    "scheduler": "karras",
    "sharpness": 2.0,
    "steps": 30,
    "styles": "[]",
    "version": "Fooocus v2.4.0",
}
NOVELAI_COMMENT = {
    "steps": 28,
    "sampler": "k_euler_ancestral",
    "seed": 42,
    "strength": 0.69,
    "noise": 0.667,
    "scale": 11.0,
    "uc": "lowres",
    "width": 512,
    "height": 768,
}
NOVELAI = {
    "Title": "AI generated image",
    "Description": "{masterpiece}, night city",
    "Software": "NovelAI",
    "Source": "Stable Diffusion 81274D13",
    "Comment": json.dumps(NOVELAI_COMMENT),
}
INVOKE_3 = {
    "app_version": "3.4.0",
    "generation_mode": "txt2img",
    "positive_prompt": "a harbour",
    "negative_prompt": "people",
    "width": 768,
    "height": 512,
    "seed": 3,
    "rand_device": "cpu",
    "cfg_scale": 7.5,
    "steps": 25,
    "scheduler": "dpmpp_2m_k",
    "clip_skip": 0,
    "loras": [],
    "model": {"model_name": "stable-diffusion-v1-5", "base_model": "sd-1"},
}
INVOKE_2 = {
    "model": "stable diffusion",
    "model_weights": "stable-diffusion-1.5",
    "model_hash": "cc6cb27103",
    "app_id": "invoke-ai/InvokeAI",
    "app_version": "2.2.5",
    "image": {
        "prompt": [{"prompt": "a lighthouse [fog]", "weight": 1.0}],
        "steps": 50,
        "cfg_scale": 7.5,
        "seed": 7,
        "width": 512,
        "height": 512,
        "sampler": "k_lms",
        "type": "txt2img",
    },
}


def twenty() -> dict[str, bytes]:
    """Return a picture for each way in which one of the programs writes its parameters."""
    forge = infotext(
        "a fox",
        Steps=20,
        Sampler="Euler",
        Schedule_type="Simple",
        CFG_scale=1,
        Distilled_CFG_Scale=3.5,
        Seed=5,
        Size="896x1152",
        Model="flux1-dev",
        Version="f2.0.1",
    )
    lora = dict(graph())
    lora["10"] = {
        "class_type": "LoraLoader",
        "inputs": {
            "lora_name": "rain.safetensors",
            "strength_model": 0.8,
            "strength_clip": 1.0,
            "model": ["4", 0],
            "clip": ["4", 1],
        },
    }
    lora["3"]["inputs"]["model"] = ["10", 0]
    second = dict(graph())
    second["20"] = {
        "class_type": "KSampler",
        "inputs": {
            **second["3"]["inputs"],
            "latent_image": ["3", 0],
            "denoise": 0.5,
            "seed": 2,
            "steps": 14,
        },
    }
    advanced = graph()
    advanced["3"]["class_type"] = "KSamplerAdvanced"
    advanced["3"]["inputs"]["noise_seed"] = advanced["3"]["inputs"].pop("seed")
    old = infotext(
        "(masterpiece:1.2), castle <lora:rain:0.7>",
        "[bad]",
        Steps=30,
        Sampler="DPM++ 2M Karras",
        CFG_scale=6,
        Seed=1,
        Size="512x512",
        Clip_skip=2,
        ENSD=31337,
    )
    hires = A1111.replace(", Version", ", Hires upscale: 2, Denoising strength: 0.5, Version")
    quoted = A1111.replace(", Version", ', Lora hashes: "rain: 11, fog: 22", Version')
    return {
        "a1111.png": png({"parameters": A1111}),
        "a1111-old.png": png({"parameters": old}),
        "a1111-hires.png": png({"parameters": hires}),
        "a1111-quoted.png": png({"parameters": quoted}),
        "a1111-chinese.png": png({"parameters": A1111.replace("a red apple", "红苹果")}),
        "a1111.jpg": with_comment("JPEG", A1111),
        "a1111.webp": with_comment("WEBP", A1111),
        "forge-flux.png": png({"parameters": forge}),
        "comfyui.png": comfy(graph()),
        "comfyui-api.png": comfy(graph(), api=True),
        "comfyui-lora.png": comfy(lora, api=True),
        "comfyui-two-passes.png": comfy(second),
        "comfyui-advanced.png": comfy(advanced, api=True),
        "comfyui-ancestral.png": comfy(graph(n3_sampler_name="euler_ancestral")),
        "invokeai-3.png": png({"invokeai_metadata": json.dumps(INVOKE_3)}),
        "invokeai-2.png": png({"sd-metadata": json.dumps(INVOKE_2)}),
        "invokeai-dream.png": png(
            {"Dream": '"a lighthouse [fog]" -s 50 -S 7 -W 512 -H 512 -C 7.5 -A k_lms'}
        ),
        "fooocus.png": png({"parameters": json.dumps(FOOOCUS), "fooocus_scheme": "fooocus"}),
        "novelai.png": png(NOVELAI),
        "novelai-hidden.png": hidden(NOVELAI),
    }
