"""Trains, saves and measures `shapes-sd`; run `python -m suites.training --help`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from diffusers import AutoencoderKL

from .adherence import describe, draw_exactly, held_out_pairs, try_all
from .autoencoder import AutoencoderPlan, train_autoencoder
from .companions import (
    CompanionPlan,
    dotted,
    measure_controlnet,
    striped,
    train_controlnet,
    train_lora,
)
from .denoiser import DenoiserPlan, encode_training_set, load_denoiser, train_denoiser
from .sampling import Sampling, generate, load_pipeline
from .save import save_pipeline
from .scenes import caption
from .sheet import make_sheet

_SUITES: Final = Path(__file__).parents[1]
_MODEL: Final = _SUITES / "shapes-sd"
_SHEET: Final = Path(__file__).parents[2] / "docs" / "images" / "shapes-sd.png"


def _train_autoencoder(options: argparse.Namespace) -> None:
    options.work.mkdir(parents=True, exist_ok=True)
    train_autoencoder(AutoencoderPlan(), options.work / "autoencoder")


def _train_denoiser(options: argparse.Namespace) -> None:
    autoencoder = AutoencoderKL.from_pretrained(options.work / "autoencoder")
    data = encode_training_set(autoencoder, DenoiserPlan(), options.work / "encoded.pt")
    train_denoiser(data, DenoiserPlan(), options.work / "denoiser.pt")


def _save(options: argparse.Namespace) -> None:
    autoencoder = AutoencoderKL.from_pretrained(options.work / "autoencoder")
    save_pipeline(autoencoder, load_denoiser(options.work / "denoiser.pt"), options.model)


def _train_all(options: argparse.Namespace) -> None:
    _train_autoencoder(options)
    _train_denoiser(options)
    _save(options)


def _train_companions(options: argparse.Namespace) -> None:
    train_controlnet(options.model, _SUITES / "shapes-edges", CompanionPlan())
    for texture in (striped, dotted):
        file = _SUITES / "shapes-loras" / f"{texture.__name__}.safetensors"
        train_lora(options.model, file, CompanionPlan(pictures=800, steps=500), texture)


def _measure_companions(options: argparse.Namespace) -> None:
    on, off = measure_controlnet(options.model, _SUITES / "shapes-edges", scenes=24)
    print(f"edges of 24 scenes followed: F1 {on:.2f} with the hint, {off:.2f} without")


def _measure(options: argparse.Namespace) -> None:
    pairs = held_out_pairs(options.pairs)
    print("drawn scenes, to validate the judge:")
    print(describe(try_all(pairs, draw_exactly)))
    pipeline = load_pipeline(options.model)
    sampling = Sampling(options.steps, options.guidance)
    print(f"generated images, {sampling.steps} steps, guidance {sampling.guidance}:")
    trials = try_all(pairs, lambda scene, seed: generate(pipeline, caption(scene), seed, sampling))
    print(describe(trials))
    for trial in trials:
        if not trial.right:
            seen = trial.seen
            print(
                f"wrong: {caption(trial.scene)!r}, seed {trial.seed}: "
                f"{seen.colour} {seen.place} {seen.time}"
            )


def _sheet(options: argparse.Namespace) -> None:
    sampling = Sampling(options.steps, options.guidance)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    make_sheet(load_pipeline(options.model), sampling).save(options.output, optimize=True)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m suites.training", description=__doc__)
    parser.add_argument(
        "--work",
        type=Path,
        default=Path("build/shapes-sd"),
        help="folder for what training leaves between its stages (default: %(default)s)",
    )
    parser.add_argument(
        "--model",
        type=Path,
        default=_MODEL,
        help="folder of the saved model (default: %(default)s)",
    )
    usual = Sampling()
    parser.add_argument("--steps", type=int, default=usual.steps, help="DDIM steps")
    parser.add_argument("--guidance", type=float, default=usual.guidance, help="guidance scale")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for name, action, text in (
        ("train-autoencoder", _train_autoencoder, "train the autoencoder"),
        ("train-denoiser", _train_denoiser, "train U-Net and text encoder, or resume training"),
        ("save", _save, "write the trained networks as a pipeline folder"),
        ("all", _train_all, "the three above, in order"),
        ("train-companions", _train_companions, "train the ControlNet and the LoRAs"),
        ("measure-companions", _measure_companions, "print how well the ControlNet is followed"),
    ):
        verbs.add_parser(name, help=text).set_defaults(action=action)
    measure = verbs.add_parser("measure", help="print the share of held-out prompts followed")
    measure.add_argument("--pairs", type=int, default=171, help="number of prompt and seed pairs")
    measure.set_defaults(action=_measure)
    sheet = verbs.add_parser("sheet", help="write the contact sheet")
    sheet.add_argument("--output", type=Path, default=_SHEET)
    sheet.set_defaults(action=_sheet)
    return parser.parse_args()


def main() -> None:
    """Run the verb that the command line names."""
    options = _parse()
    options.action(options)


if __name__ == "__main__":
    main()
