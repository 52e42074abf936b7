"""``goldenseed.compare`` on files and images of every kind."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from goldenseed import (
    GoldenseedError,
    ImageComparison,
    Outcome,
    compare,
)
from goldenseed.images import compare as judging
from goldenseed.images.picture_files import same_pixels


def noise(mode: str = "RGB", size: tuple[int, int] = (40, 30), seed: int = 0) -> Image.Image:
    channels = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}[mode]
    rng = np.random.default_rng(seed)
    return Image.frombytes(mode, size, rng.bytes(size[0] * size[1] * channels))


def touched(image: Image.Image, place: tuple[int, int] = (3, 4)) -> Image.Image:
    other = image.copy()
    old = other.getpixel(place)
    other.putpixel(place, old ^ 1 if isinstance(old, int) else (old[0] ^ 1, *old[1:]))
    return other


def saved(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


def compared(folder: Path, a: Image.Image, b: Image.Image, **options: object) -> ImageComparison:
    return compare(saved(folder / "a.png", a), saved(folder / "b.png", b), **options)


class TestIdentity:
    def test_of_equal_files_decodes_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.delattr(judging, "read_checked")
        assert compared(tmp_path, noise(), noise()) == ImageComparison(
            name="b.png", outcome=Outcome.IDENTICAL
        )

    @pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
    def test_of_equal_rows_in_other_files_decodes_nothing(self, tmp_path: Path, mode: str):
        text = PngImagePlugin.PngInfo()
        text.add_text("parameters", "a red apple")
        smooth = noise(mode, (5, 4)).resize((200, 150))
        files = [
            saved(tmp_path / f"{level}{bool(info)}.png", smooth, compress_level=level, pnginfo=info)
            for level, info in ((1, None), (9, None), (9, text))
        ]
        data = [file.read_bytes() for file in files]
        assert len(set(data)) == 3
        assert same_pixels(data[0], data[1])
        assert same_pixels(data[1], data[2])
        other = saved(tmp_path / "other.png", touched(smooth, (199, 149))).read_bytes()
        assert not same_pixels(data[0], other)

    def test_is_not_sure_of_what_says_how_to_see_it(self, tmp_path: Path):
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        plain = saved(tmp_path / "a.png", noise()).read_bytes()
        tagged = saved(tmp_path / "b.png", noise(), icc_profile=profile).read_bytes()
        assert not same_pixels(plain, tagged)

    @pytest.mark.parametrize("cut", [8, 30, 60, 500, -13])
    def test_is_never_sure_of_damaged_files(self, tmp_path: Path, cut: int):
        plain = saved(tmp_path / "a.png", noise()).read_bytes()
        assert not same_pixels(plain, plain[:cut])
        assert not same_pixels(plain[:cut], plain[:cut])

    def test_is_found_between_formats(self, tmp_path: Path):
        a = saved(tmp_path / "a.png", noise())
        b = saved(tmp_path / "b.webp", noise(), lossless=True)
        assert compare(a, b).outcome is Outcome.IDENTICAL

    def test_of_damaged_files_is_an_error(self, tmp_path: Path):
        path = saved(tmp_path / "a.png", noise())
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises(GoldenseedError, match=r"a\.png: is truncated"):
            compare(path, path)


class TestJudging:
    def test_without_gates_allows_one_level(self, tmp_path: Path):
        near = compared(tmp_path, noise(), touched(noise()))
        assert (near.outcome, near.passed) == (Outcome.WITHIN, True)
        far = compared(tmp_path, noise(), noise(seed=1))
        assert (far.outcome, far.passed) == (Outcome.BEYOND, False)
        assert [gate.gate for gate in far.gates] == ["max_peak_difference"]

    def test_measures_the_default_metrics_and_what_gates_need(self, tmp_path: Path):
        found = compare(noise(), noise(seed=1), metrics=["psnr"], gates={"max_dhash_distance": 64})
        assert list(found.metrics) == ["psnr", "dhash_distance"]
        assert found.outcome is Outcome.WITHIN

    def test_takes_gates_from_a_file(self, tmp_path: Path):
        (tmp_path / "gates.yaml").write_text("gates:\n  fail:\n    min_ssim: 0.99\n")
        found = compared(tmp_path, noise(), noise(seed=1), gates=tmp_path / "gates.yaml")
        assert [(gate.gate, gate.passed) for gate in found.gates] == [("min_ssim", False)]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("gates:\n  fail:\n    min_ssm: 1\n", r":3: there is no gate 'min_ssm'\n.*min_ssim"),
            (
                "gates:\n  fail:\n    min_phash_distance: 1\n",
                r":3: the gate 'min_phash_distance' w",
            ),
            ("gates:\n  fail:\n    min_ssim: 95\n", r":3: the limit of min_ssim is 95"),
            ("gates:\n  fail: {min_ssim: 0.9, min_ssim: 0.8}\n", r":2: .*min_ssim"),
            ("gates:\n  warn: {min_ssim: 0.9}\n", r":1: holds no gates"),
            (
                "gates:\n  fail: {min_ssim: 0.9}\n  warn: {min_ssim: 0.9}\n",
                r":3: `gates` has no `warn`",
            ),
            ("min_ssim: 0.9\n", r":1: holds no gates\n  fix: write `gates:`"),
            ("gates: [", r"gates\.yaml:\d: "),
        ],
    )
    def test_says_what_is_wrong_with_a_file_of_gates(self, tmp_path: Path, text: str, message: str):
        (tmp_path / "gates.yaml").write_text(text)
        with pytest.raises(GoldenseedError, match=message):
            compare(noise(), noise(), gates=tmp_path / "gates.yaml")


class TestMasks:
    def test_a_difference_that_is_ignored_is_within_and_said(self, tmp_path: Path):
        found = compared(tmp_path, noise(), touched(noise()), ignore=[(0, 0, 10, 10)])
        assert found.outcome is Outcome.WITHIN
        assert found.notes == ("they differ only where pixels are ignored",)
        assert found.metrics["peak_difference"] == 0

    def test_what_is_outside_counts_for_no_metric(self):
        a, b = noise(size=(60, 60)), noise(size=(60, 60))
        b.paste(noise(size=(60, 30), seed=1), (0, 0))
        b.putpixel((50, 50), (1, 2, 3))
        names = ["peak_difference", "changed_fraction", "mean_difference", "ssim", "phash_distance"]
        whole = compare(a, b, metrics=names).metrics
        part = compare(a, b, metrics=names, ignore=[(0, 0, 60, 30)]).metrics
        assert whole["changed_fraction"] > 0.5
        assert part["changed_fraction"] == 1 / 1800
        assert part["ssim"] > 0.98
        assert whole["ssim"] < 0.7
        assert part["mean_difference"] < 1

    def test_a_mask_is_white_where_pixels_count(self, tmp_path: Path):
        mask = Image.new("L", (40, 30), 255)
        mask.putpixel((3, 4), 0)
        path = saved(tmp_path / "mask.png", mask)
        assert compare(noise(), touched(noise()), mask=path).metrics["peak_difference"] == 0

    @pytest.mark.parametrize(
        ("mask", "message"),
        [
            (Image.new("L", (30, 40), 255), r"mask\.png: .* has 30 x 40 pixels, .* has 40 x 30"),
            (Image.new("RGBA", (40, 30)), "has the mode 'RGBA'"),
            (Image.new("L", (40, 30)), "leaves no pixel that counts"),
        ],
    )
    def test_a_mask_that_does_not_fit_is_refused(
        self, tmp_path: Path, mask: Image.Image, message: str
    ):
        path = saved(tmp_path / "mask.png", mask)
        with pytest.raises(GoldenseedError, match=message):
            compare(noise(), noise(seed=1), mask=path)

    @pytest.mark.parametrize("region", [(0, 0, 41, 1), (39, 29, 2, 1), (5, 5, 0, 3), (-1, 0, 2, 2)])
    def test_a_region_beyond_the_image_is_refused(self, region: tuple[int, int, int, int]):
        with pytest.raises(GoldenseedError, match="is not inside the image, which has 40 x 30"):
            compare(noise(), noise(seed=1), ignore=[region])


class TestKindsOfFiles:
    def test_palettes_are_taken_without_loss(self, tmp_path: Path):
        palette = noise().quantize(16)
        found = compared(tmp_path, palette, palette.convert("RGB"))
        assert found.outcome is Outcome.IDENTICAL
        assert found.notes == ("A holds a palette, converted to RGB",)

    def test_transparent_palettes_keep_their_alpha(self, tmp_path: Path):
        palette = noise().quantize(16)
        a = saved(tmp_path / "a.png", palette, transparency=0)
        b = saved(tmp_path / "b.png", palette)
        found = compare(a, b)
        assert found.outcome is Outcome.BEYOND
        assert found.metrics["peak_difference"] == 255

    def test_one_transparent_colour_becomes_alpha(self, tmp_path: Path):
        image = Image.new("RGB", (9, 9), (255, 0, 0))
        a = saved(tmp_path / "a.png", image, transparency=(255, 0, 0))
        found = compare(a, saved(tmp_path / "b.png", image))
        assert found.metrics["peak_difference"] == 255
        assert "A holds one transparent colour, converted to RGBA" in found.notes

    @pytest.mark.parametrize(
        ("a", "b", "common"), [("L", "RGB", "RGB"), ("RGB", "RGBA", "RGBA"), ("LA", "RGB", "RGBA")]
    )
    def test_other_modes_are_brought_together_without_loss(
        self, tmp_path: Path, a: str, b: str, common: str
    ):
        grey = noise("L")
        found = compared(tmp_path, grey.convert(a), grey.convert(b))
        assert found.outcome is Outcome.IDENTICAL
        assert found.notes == (f"{a} and {b} were compared as {common}",)

    def test_alpha_is_seen_by_every_metric(self):
        a = noise("RGBA", (64, 64))
        a.putalpha(255)
        b = a.copy()
        b.paste((0, 0, 0, 0), (0, 0, 32, 64))
        clear = a.copy()
        clear.putalpha(Image.new("L", (64, 64), 0))
        for name in ("ssim", "phash_distance", "dhash_distance", "colorhash_distance"):
            assert compare(a, clear, metrics=[name]).metrics[name] not in (0, 1), name

    def test_16_bits_are_identical_or_incomparable(self, tmp_path: Path):
        a = Image.frombytes("I;16", (4, 4), np.random.default_rng(0).bytes(32))
        b = a.copy()
        assert compared(tmp_path, a, b).outcome is Outcome.IDENTICAL
        b.putpixel((0, 0), a.getpixel((0, 0)) ^ 1)
        assert compared(tmp_path, a, b).outcome is Outcome.INCOMPARABLE

    def test_cmyk_is_refused(self, tmp_path: Path):
        path = saved(tmp_path / "a.jpg", noise().convert("CMYK"))
        with pytest.raises(GoldenseedError, match=r"a\.jpg: has the mode 'CMYK'\n  fix: save it"):
            compare(path, saved(tmp_path / "b.png", noise()))

    def test_animations_are_refused(self, tmp_path: Path):
        path = tmp_path / "a.png"
        noise().save(path, save_all=True, append_images=[noise(seed=1)])
        with pytest.raises(GoldenseedError, match="holds several frames"):
            compare(path, path)

    def test_another_colour_profile_is_said(self, tmp_path: Path):
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        a = saved(tmp_path / "a.png", noise(), icc_profile=profile)
        found = compare(a, saved(tmp_path / "b.png", noise()))
        assert found.outcome is Outcome.IDENTICAL
        assert found.notes[0].startswith("other colour information (ICC profile): ")

    def test_another_orientation_is_incomparable_and_the_same_is_said(self, tmp_path: Path):
        exif = Image.Exif()
        exif[0x0112] = 6
        a = saved(tmp_path / "a.png", noise(), exif=exif)
        found = compare(a, saved(tmp_path / "b.png", noise()))
        assert found.outcome is Outcome.INCOMPARABLE
        assert found.notes[0].startswith("other EXIF orientation: 6 and 1")
        found = compare(a, saved(tmp_path / "b.png", touched(noise()), exif=exif))
        assert found.notes == ("both have EXIF orientation 6: compared as stored",)

    @pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (2, 10)])
    def test_tiny_images_have_every_default_metric(self, size: tuple[int, int]):
        a, b = noise(size=size), noise(size=size, seed=1)
        assert compare(a, b).outcome is Outcome.BEYOND
        assert compare(a, a.copy()).outcome is Outcome.IDENTICAL

    def test_an_image_is_taken_as_a_file_is(self, tmp_path: Path):
        buffer = io.BytesIO()
        noise().save(buffer, "PNG")
        path = tmp_path / "a.png"
        path.write_bytes(buffer.getvalue())
        assert compare(path, noise()).outcome is Outcome.IDENTICAL
