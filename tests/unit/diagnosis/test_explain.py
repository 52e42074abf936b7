from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
import torch
from toy_pipeline import ACCEPTED, ENVIRONMENT, RECIPE, Toy, evidence, recorded

from goldenseed.diagnosis.evidence import Blank, Side, Sides
from goldenseed.diagnosis.explain import explain
from goldenseed.diagnosis.model import Cause, Diagnosis, GrowthKind
from goldenseed.trace.stages import WITHIN, Stage, Trace

ROUNDING = Toy(jitter=3e-7)
OLDER = recorded(Toy(within=False))


def causes(found: Diagnosis) -> list[Cause]:
    return [each.cause for each in found.causes]


def first(found: Diagnosis) -> tuple[Cause, float, str]:
    top = found.causes[0]
    return top.cause, top.confidence, top.words


@pytest.mark.parametrize(
    ("toy", "cause", "least"),
    [
        (Toy(seed=2), Cause.SEED, 0.9),
        (Toy(size=16), Cause.NOISE, 0.9),
        (Toy(noise_scale=1.1), Cause.NOISE, 0.9),
        (Toy(noise_rounding=1e-3), Cause.NOISE, 0.7),
        (Toy(batch=2), Cause.BATCH, 0.9),
        (Toy(noise_rounding=1e-7), Cause.CPU, 0.9),
        (Toy(dtype=torch.bfloat16), Cause.DTYPE, 0.5),
        (Toy(negative=3), Cause.PROMPT, 0.7),
        (Toy(pad=5), Cause.TOKENIZER, 0.6),
        (Toy(encoder=1.01), Cause.TEXT_ENCODER, 0.7),
        (Toy(steps=5), Cause.STEPS, 0.7),
        (Toy(spacing=11), Cause.SCHEDULER, 0.9),
        (Toy(sigmas=True), Cause.SCHEDULER, 0.9),
        (Toy(step_size=0.11), Cause.SCHEDULER, 0.9),
        (Toy(step_size=0.11, step_size_from=2), Cause.SCHEDULER, 0.7),
        (Toy(later_noise=0.1), Cause.SCHEDULER, 0.9),
        (Toy(guidance=6.0), Cause.GUIDANCE, 0.9),
        (Toy(guidance=None), Cause.GUIDANCE, 0.9),
        (Toy(weight=1.01), Cause.DENOISER, 0.7),
        (Toy(vae_scaling=1.1), Cause.VAE_WEIGHTS, 0.9),
        (Toy(vae=1.01), Cause.VAE_WEIGHTS, 0.6),
        (Toy(brightness=0.9), Cause.POST_PROCESSING, 0.9),
        (Toy(rounding=126), Cause.POST_PROCESSING, 0.9),
        (Toy(brightness=0.0), Cause.NOT_FINITE, 0.7),
        (Toy(broken_at=2), Cause.NOT_FINITE, 0.9),
    ],
    ids=lambda each: str(each) if isinstance(each, Cause) else "",
)
def test_a_trace_alone_tells_the_cause(toy: Toy, cause: Cause, least: float):
    found, confidence, _ = first(explain(evidence(toy)))
    assert (found, confidence >= least) == (cause, True), confidence


@pytest.mark.parametrize(
    ("toy", "keys", "cause"),
    [
        (Toy(weight=1.01), {"model__unet__sha256": "f" * 64}, Cause.DENOISER),
        (Toy(encoder=1.01), {"model__text_encoder__sha256": "f" * 64}, Cause.TEXT_ENCODER),
        (Toy(vae=1.01), {"model__vae__sha256": "f" * 64}, Cause.VAE_WEIGHTS),
        (Toy(vae=1.01), {"model__vae__tiling": True}, Cause.VAE_TILING),
        (Toy(pad=5), {"tokenizer__tokenizer__sha256": "f" * 64}, Cause.TOKENIZER),
        (Toy(spacing=11), {"scheduler__config__beta_end": 0.03}, Cause.SCHEDULER),
        (Toy(steps=5), {"scheduler__class": "PNDMScheduler"}, Cause.SCHEDULER),
        (ROUNDING, {"cpu__threads": 2}, Cause.CPU),
        (ROUNDING, {"model__unet__memory_format": "NHWC"}, Cause.KERNELS),
        (ROUNDING, {"attention__unet__processors": "Attn x 8"}, Cause.ATTENTION),
        (ROUNDING, {"package__torch": "2.14.0"}, Cause.PACKAGES),
        (Toy(weight=1.001), {"torch__mkldnn__matmul__fp32_precision": "tf32"},
         Cause.MATMUL_PRECISION),
        (Toy(weight=1.01), {"model__unet__dtype": "bfloat16", "model__unet__sha256": "f" * 64},
         Cause.DTYPE),
    ],
)  # fmt: skip
def test_a_key_of_the_fingerprint_that_fits_is_the_cause(
    toy: Toy, keys: dict[str, object], cause: Cause
):
    diagnosis = explain(evidence(toy, **keys))  # type: ignore[arg-type]
    found, confidence, _ = first(diagnosis)
    assert found is cause
    assert confidence > 0.75
    rests_on = set(diagnosis.causes[0].keys)
    assert rests_on
    assert rests_on <= {key.replace("__", ".") for key in keys}


@pytest.mark.parametrize(
    ("toy", "recipe", "words"),
    [
        (Toy(seed=2), {"seed": 2}, "seed or generator: 1 → 2"),
        (Toy(token=8), {"prompt": "a blue ball"}, "prompt: a red ball → a blue ball"),
        (
            Toy(guidance=6.0),
            {"call": {"num_inference_steps": 4, "guidance_scale": 6.0}},
            "guidance scale: 4 → 6",
        ),
        (
            Toy(steps=5),
            {"call": {"num_inference_steps": 5, "guidance_scale": 4.0}},
            "step count: 4 → 5",
        ),
    ],
)
def test_what_the_suite_changed_is_said_with_its_values(
    toy: Toy, recipe: dict[str, object], words: str
):
    _, confidence, found = first(explain(evidence(toy, recipe=recipe)))
    assert found == words
    assert confidence > 0.9


def test_the_guidance_scale_is_estimated_from_the_trace():
    assert first(explain(evidence(Toy(guidance=6.0))))[2] == "guidance scale: about 4 → 6"


def test_scales_that_differ_by_a_hair_are_written_so_that_they_differ():
    assert first(explain(evidence(Toy(guidance=4.0001))))[2] == "guidance scale: about 4 → 4.0001"


def test_two_identical_runs_have_no_causes():
    found = explain(evidence(Toy()))
    assert found.causes == ()
    assert found.first_divergence is None


def test_a_key_that_differs_between_identical_images_is_no_cause():
    assert explain(evidence(Toy(), cpu__threads=2)).causes == ()


def test_rounding_of_which_no_reason_is_known_has_no_likely_cause():
    found = explain(evidence(ROUNDING))
    assert causes(found)[0] is Cause.UNKNOWN
    assert all(each.confidence < 0.2 for each in found.causes[1:])


def test_a_change_too_large_for_rounding_is_not_put_down_to_threads():
    found = explain(evidence(Toy(weight=1.05), cpu__threads=2))
    assert causes(found)[0] is Cause.DENOISER
    threads = [each.confidence for each in found.causes if each.cause is Cause.CPU]
    assert all(each < 0.1 for each in threads)


def test_a_key_that_takes_no_effect_where_the_images_part_is_ruled_out():
    found = explain(
        evidence(Toy(weight=1.05), scheduler__config__beta_end=0.03, model__vae__sha256="f" * 64)
    )
    assert causes(found)[0] is Cause.DENOISER
    (besides,) = [each for each in found.causes if each.cause is Cause.VAE_WEIGHTS]
    assert besides.confidence <= 0.5
    assert "which hides what it does" in besides.evidence[-1]
    assert {each.key: each.explains for each in found.environment} == {
        "model.vae.sha256": False,
        "scheduler.config.beta_end": False,
    }


def test_a_switch_for_cuda_is_ruled_out_where_a_cpu_computed():
    found = explain(evidence(Toy(weight=1.001), torch__cuda__matmul__fp32_precision="tf32"))
    assert causes(found)[0] is Cause.DENOISER
    assert [each.explains for each in found.environment] == [False]


def test_an_adapter_is_suspected_before_the_weights_beneath_it():
    model = {"model": {"source": "toy", "dtype": "float32", "adapters": [{"scale": 0.8}]}}
    plain = evidence(Toy(weight=1.05), recipe=model)
    both = replace(plain, accepted=replace(plain.accepted, recipe=plain.present.recipe))
    assert causes(explain(both))[:2] == [Cause.LORA, Cause.DENOISER]


def test_weights_that_were_loaded_alike_are_said_to_be():
    cause = explain(evidence(Toy(weight=1.05))).causes[0]
    assert "its weights were the same when they were loaded" in cause.evidence


def test_without_a_record_of_the_noise_the_latents_tell_of_it():
    def unrecorded(toy: Toy) -> Trace:
        return tuple(each for each in recorded(toy) if each.stage is not Stage.INITIAL_NOISE)

    assert first(explain(evidence(unrecorded(Toy(seed=2)))))[0] is Cause.SEED
    assert first(explain(evidence(unrecorded(Toy(noise_scale=1.1)))))[0] is Cause.NOISE
    assert first(explain(evidence(unrecorded(Toy(guidance=6.0)))))[0] is Cause.GUIDANCE


def test_two_changes_at_once_are_both_named():
    found = explain(evidence(Toy(token=8, seed=2), recipe={"prompt": "a blue ball", "seed": 2}))
    assert set(causes(found)[:2]) == {Cause.PROMPT, Cause.SEED}
    assert all(each.confidence > 0.9 for each in found.causes[:2])


def older(present: Toy) -> Diagnosis:
    both = evidence(present)
    return explain(replace(both, accepted=replace(both.accepted, trace=OLDER)))


@pytest.mark.parametrize(
    ("toy", "cause"),
    [
        (Toy(encoder=1.0000001, guidance=6.0), Cause.GUIDANCE),
        (Toy(encoder=1.0000001, step_size=0.11), Cause.SCHEDULER),
        (Toy(encoder=1.0000001, step_size=0.11, step_size_from=2), Cause.SCHEDULER),
        (Toy(encoder=1.0000001, weight=1.01), Cause.DENOISER),
        (Toy(encoder=1.0000001, vae=1.01), Cause.VAE_WEIGHTS),
        (Toy(encoder=1.0000001, brightness=0.9), Cause.POST_PROCESSING),
    ],
)
def test_a_change_on_top_of_rounding_is_named_before_the_rounding(toy: Toy, cause: Cause):
    found = explain(evidence(toy, cpu__capability="AVX2"))
    assert found.first_divergence
    assert found.first_divergence.stage is Stage.PROMPT_EMBEDDINGS
    assert causes(found)[0] is cause
    rounding = next(each for each in found.causes if each.cause is Cause.CPU)
    assert 0.3 < rounding.confidence <= 0.5


def test_rounding_alone_has_one_root_however_far_it_goes():
    found = explain(evidence(Toy(encoder=1.0000001), cpu__capability="AVX2"))
    assert first(found)[0] is Cause.CPU
    assert found.causes[0].confidence > 0.8


def test_an_older_trace_shares_a_first_step_between_what_can_make_it():
    found = older(Toy(weight=1.05, within=False))
    assert set(causes(found)[:3]) == {Cause.DENOISER, Cause.GUIDANCE, Cause.SCHEDULER}
    assert found.causes[0].confidence < 0.5


def test_against_an_older_trace_the_guidance_is_held_against_the_recipe():
    assert first(older(Toy(guidance=6.0)))[::2] == (
        Cause.GUIDANCE,
        "guidance scale: about 6 instead of 4",
    )
    assert Cause.GUIDANCE not in causes(older(Toy(weight=1.05)))


def test_without_traces_recipe_and_environment_still_tell():
    found = explain(
        Sides(
            Side(ENVIRONMENT, RECIPE, None),  # type: ignore[arg-type]
            Side(ENVIRONMENT | {"model.unet.sha256": "f" * 64}, RECIPE, ACCEPTED),  # type: ignore[arg-type]
            {"peak_difference": 90.0},
        )
    )
    assert found.first_divergence is None
    assert "accepted before traces were kept" in (found.note or "")
    assert first(found)[0] is Cause.DENOISER


def test_with_nothing_on_record_the_cause_is_unknown():
    found = explain(Sides(Side(), Side(), {"peak_difference": 90.0}))
    assert causes(found) == [Cause.UNKNOWN]
    assert found.remarks == (
        "the environment of the accepted image is not on record",
        "the environment of the present image is not on record",
    )


def test_a_trace_without_environment_is_explained_by_itself():
    plain = evidence(Toy(guidance=6.0))
    found = explain(replace(plain, accepted=replace(plain.accepted, environment=None)))
    assert first(found)[0] is Cause.GUIDANCE


def test_a_key_that_could_not_be_read_is_not_compared():
    found = explain(evidence(Toy(weight=1.05), model__unet__sha256="unreadable: RuntimeError"))
    assert found.remarks == ("model.unet.sha256 could not be read and is not compared",)
    assert found.environment == ()
    assert causes(found)[0] is Cause.DENOISER


def test_a_truncated_trace_is_said_and_accuses_nobody():
    cut = tuple(each for each in ACCEPTED if each.stage is not Stage.PIXELS)[:-4]
    found = explain(evidence(cut))
    assert any("ends early" in each for each in found.remarks)
    assert causes(found) in ([Cause.UNKNOWN], [])


def test_a_difference_before_the_cut_is_still_explained():
    cut = tuple(each for each in recorded(Toy(guidance=6.0)) if each.stage is not Stage.PIXELS)
    assert first(explain(evidence(cut)))[0] is Cause.GUIDANCE


def test_keys_that_an_older_release_did_not_write_are_no_difference():
    found = explain(evidence(Toy(weight=1.05), model__unet__tables_sha256="f" * 64))
    assert found.environment == ()


def test_a_black_image_without_a_trace_is_blamed_on_a_safety_checker_that_is_there():
    checker = ENVIRONMENT | {"model.safety_checker.class": "StableDiffusionSafetyChecker"}
    side = Side(checker, RECIPE)  # type: ignore[arg-type]
    black = replace(side, blank=Blank.BLACK)
    found = explain(Sides(side, black, {"peak_difference": 255.0}))
    assert causes(found)[:2] == [Cause.SAFETY_CHECKER, Cause.NOT_FINITE]
    bare = replace(black, environment=ENVIRONMENT)
    found = explain(Sides(replace(bare, blank=None), bare, {"peak_difference": 255.0}))
    assert causes(found)[0] is Cause.NOT_FINITE


def test_equal_values_diagnose_the_same_whatever_is_within():
    plain = tuple(each for each in ACCEPTED if each.stage not in WITHIN)
    assert explain(evidence(plain)).causes == ()


def test_all_packages_that_take_part_are_named_together():
    found = explain(
        evidence(
            ROUNDING,
            package__torch="2.14.0",
            package__diffusers="0.43.0",
            package__tokenizers="0.24.0",
        )
    )
    cause, _, words = first(found)
    assert cause is Cause.PACKAGES
    assert words == "package upgrade: diffusers 0.42.1 → 0.43.0, torch 2.13.0 → 2.14.0"


def test_a_difference_no_larger_than_rounding_says_so():
    (sentence,) = explain(evidence(ROUNDING)).causes[0].evidence
    assert sentence.startswith("no larger than rounding (")


def test_what_adds_up_from_step_to_step_is_no_rounding_however_coarse_the_dtype():
    accepted, present = (
        recorded(Toy(dtype=torch.bfloat16, steps=8, weight=each)) for each in (1.0, 1.002)
    )
    both = evidence(present)
    found = explain(replace(both, accepted=replace(both.accepted, trace=accepted)))
    assert found.first_divergence
    assert found.first_divergence.here
    assert found.first_divergence.growth
    assert found.first_divergence.growth.kind is GrowthKind.ADDS_UP
    assert causes(found)[0] is Cause.DENOISER


def damaged(random: Random) -> Trace:
    """A trace of some run with stages lost, doubled elsewhere, and values that are none."""
    toys = (Toy(), Toy(seed=2), Toy(guidance=None), Toy(within=False), Toy(steps=1), Toy(size=16))
    found = []
    for record in recorded(random.choice(toys)):
        if random.random() < 0.1:
            continue
        changes: list[dict[str, object]] = [
            {"norm": None},
            {"sketch": None},
            {"shape": ()},
            {"shape": (0, *record.shape)},
            {"dtype": "float8"},
            {"norm": 0.0},
            {"source": "other"},
            {"sha256": "0" * 64},
        ]
        update = random.choice(changes) if random.random() < 0.2 else {}
        found.append(record.model_copy(update=update))
    unique = {record.key: record for record in found}
    return tuple(unique.values())[: random.choice((None, None, 3, 0))]


@pytest.mark.parametrize("seed", range(60))
def test_no_trace_however_damaged_breaks_the_diagnosis(seed: int):
    random = Random(seed)
    keys = {key: random.choice((value, None, "x", 0.5, "unreadable: x"))
            for key, value in ENVIRONMENT.items() if random.random() < 0.8}  # fmt: skip
    blank = random.choice((None, *Blank))
    found = explain(
        Sides(
            Side(ENVIRONMENT, RECIPE, damaged(random)),  # type: ignore[arg-type]
            Side(keys, {} if seed % 5 else None, damaged(random), blank),
        )
    )
    assert all(0 <= each.confidence <= 1 for each in found.causes)
    confidences = [each.confidence for each in found.causes]
    assert confidences == sorted(confidences, reverse=True)


def test_what_was_in_force_inside_the_call_counts_and_is_said_to_be_from_there():
    before = Side(ENVIRONMENT, RECIPE)
    now = Side(ENVIRONMENT, RECIPE, in_force={"cpu.threads": 2})
    found = explain(Sides(before, now, {"peak_difference": 1.0}))
    assert first(found)[0] is Cause.CPU
    assert first(found)[1] > 0.9
    assert first(found)[2].endswith("cpu.threads 1 → 2 inside the call")


def test_what_is_in_force_inside_both_calls_explains_nothing():
    inside = Side(ENVIRONMENT, RECIPE, in_force={"cpu.threads": 2, "torch.autocast": "bfloat16"})
    assert explain(Sides(inside, inside, {})).causes == ()


@pytest.mark.parametrize(
    ("checker", "cause"),
    [("StableDiffusionSafetyChecker", Cause.SAFETY_CHECKER), (None, Cause.NOT_FINITE)],
)
def test_a_sound_output_that_is_blackened_is_the_checker_s_where_there_is_one(
    checker: str | None, cause: Cause
):
    seen = evidence(Toy(brightness=0.0))
    environment = {**ENVIRONMENT, "model.safety_checker.class": checker}
    sides = (replace(each, environment=environment) for each in (seen.accepted, seen.present))
    assert first(explain(Sides(*sides)))[0] is cause


def test_a_black_image_of_which_no_fingerprint_is_on_record_may_be_the_checker_s():
    seen = evidence(Toy(brightness=0.0))
    sides = (replace(each, environment=None) for each in (seen.accepted, seen.present))
    assert first(explain(Sides(*sides)))[0] is Cause.SAFETY_CHECKER
