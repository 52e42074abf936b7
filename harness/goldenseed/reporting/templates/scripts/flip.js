// FLIP: how different two images look when one flips between them. Andersson et al., "FLIP: A
// Difference Evaluator for Alternating Images", HPG 2020, for levels of 0 … 255 seen from 67 pixels
// a degree. A test holds it against the authors' own program.
((page) => {
  const PER_DEGREE = 0.7 * (3840 / 0.7) * (Math.PI / 180);
  const TO_XYZ = [
    [10135552 / 24577794, 8788810 / 24577794, 4435075 / 24577794],
    [2613072 / 12288897, 8788810 / 12288897, 887015 / 12288897],
    [1425312 / 73733382, 8788810 / 73733382, 70074185 / 73733382]];
  const WHITE = TO_XYZ.map((row) => row[0] + row[1] + row[2]);
  const TO_RGB = inverse(TO_XYZ);
  // Contrast sensitivity of each opponent channel: sums of Gaussians, [a, b] of a·√(π/b)·exp(-π²x²/b).
  const SENSITIVITY = [[[1, 0.0047]], [[1, 0.0053]], [[34.1, 0.04], [13.5, 0.025]]];
  const COLOUR = 0.7, FEATURE = 0.5, BENT_AT = 0.4, BENT_TO = 0.95, LINE = 0.082;

  function inverse([[a, b, c], [d, e, f], [g, h, i]]) {
    const whole = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
    return [[e * i - f * h, c * h - b * i, b * f - c * e], [f * g - d * i, a * i - c * g, c * d - a * f],
      [d * h - e * g, b * g - a * h, a * e - b * d]].map((row) => row.map((value) => value / whole));
  }
  const linear = (level) => (level > 0.04045 ? ((level + 0.055) / 1.055) ** 2.4 : level / 12.92);
  const TABLE = Float64Array.from({ length: 256 }, (_, level) => linear(level / 255));
  const times = (matrix, row, r, g, b) => matrix[row][0] * r + matrix[row][1] * g + matrix[row][2] * b;
  const curve = (t) => (t > 216 / 24389 ? Math.cbrt(t) : t * 841 / 108 + 4 / 29);
  const clamp = (value) => Math.min(Math.max(value, 0), 1);

  // CIELAB, its colours fainter in the dark (Hunt), of linear RGB.
  function lab(r, g, b) {
    const [x, y, z] = [0, 1, 2].map((row) => curve(times(TO_XYZ, row, r, g, b) / WHITE[row]));
    const light = 116 * y - 16;
    return [light, 0.01 * light * 500 * (x - y), 0.01 * light * 200 * (y - z)];
  }
  const hyab = (a, b) => Math.abs(a[0] - b[0]) + Math.hypot(a[1] - b[1], a[2] - b[2]);
  const LARGEST = hyab(lab(0, 1, 0), lab(0, 0, 1)) ** COLOUR;

  // Lightness and two opponent colours (YCxCz), a plane each.
  function opponents({ data, width, height }) {
    const planes = [0, 1, 2].map(() => new Float32Array(width * height));
    for (let at = 0; at < width * height; at += 1) {
      const r = TABLE[data[4 * at]], g = TABLE[data[4 * at + 1]], b = TABLE[data[4 * at + 2]];
      const x = times(TO_XYZ, 0, r, g, b) / WHITE[0], y = times(TO_XYZ, 1, r, g, b) / WHITE[1], z = times(TO_XYZ, 2, r, g, b) / WHITE[2];
      planes[0][at] = 116 * y - 16;
      planes[1][at] = 500 * (x - y);
      planes[2][at] = 200 * (y - z);
    }
    return planes;
  }

  const half = (radius, value) => Array.from({ length: radius + 1 }, (_, place) => value(place));
  const whole = (kernel) => 2 * kernel.reduce((sum, value) => sum + value, 0) - kernel[0];

  // What the eye still sees of each plane at that distance.
  function seen(planes, width, height) {
    const radius = Math.ceil(3 * Math.sqrt(0.04 / (2 * Math.PI ** 2)) * PER_DEGREE);
    return planes.map((plane, channel) => {
      const parts = SENSITIVITY[channel].map(([a, b]) => {
        const kernel = half(radius, (place) => Math.exp(-(Math.PI ** 2) * (place / PER_DEGREE) ** 2 / b));
        const weight = a * Math.sqrt(Math.PI / b);
        return { kernel, weight, sum: weight * whole(kernel) ** 2 };
      });
      const sum = parts.reduce((total, part) => total + part.sum, 0);
      const out = new Float32Array(plane.length);
      for (const { kernel, weight } of parts) {
        const found = page.filtered(plane, width, height, kernel, kernel, { border: page.REPEATED });
        for (let at = 0; at < out.length; at += 1) out[at] += weight * found[at] / sum;
      }
      return out;
    });
  }

  function labAt([lightness, cx, cz], at) {
    const y = (lightness[at] + 16) / 116;
    const xyz = [(y + cx[at] / 500) * WHITE[0], y * WHITE[1], (y - cz[at] / 200) * WHITE[2]];
    return lab(...[0, 1, 2].map((row) => clamp(times(TO_RGB, row, ...xyz))));
  }

  // How strong an edge or a point is at each pixel.
  function features(lightness, width, height) {
    const spread = 0.5 * LINE * PER_DEGREE, radius = Math.ceil(3 * spread);
    const bell = half(radius, (place) => Math.exp(-(place ** 2) / (2 * spread ** 2)));
    const edge = bell.map((value, place) => -place * value);
    const point = bell.map((value, place) => (place ** 2 / spread ** 2 - 1) * value);
    const across = (kernel, negative, positive) => kernel.map((value) => value / (whole(bell) * (value < 0 ? negative : positive)));
    const sums = (kernel, sign) => kernel.reduce((sum, value, place) => sum + (place ? 2 : 1) * Math.max(sign * value, 0), 0);
    const oneSide = edge.reduce((sum, value) => sum - value, 0);
    const plane = lightness.map((value) => (value + 16) / 116);
    const strength = (kernel, odd) => {
      const x = page.filtered(plane, width, height, kernel, bell, { border: page.REPEATED, oddAcross: odd });
      const y = page.filtered(plane, width, height, bell, kernel, { border: page.REPEATED, oddDown: odd });
      return x.map((value, at) => Math.hypot(value, y[at]));
    };
    return [strength(across(edge, oneSide, oneSide), true),
      strength(across(point, sums(point, -1), sums(point, 1)), false)];
  }

  function bent(error) {
    const at = BENT_AT * LARGEST;
    return error < at ? BENT_TO * error / at : BENT_TO + (1 - BENT_TO) * (error - at) / (LARGEST - at);
  }

  // FLIP's error at each pixel, 0 … 1.
  page.flipMap = ({ baseline, current }) => {
    const { width, height } = baseline;
    const planes = [baseline, current].map(opponents);
    const [before, now] = planes.map((three) => seen(three, width, height));
    const [[edgesBefore, pointsBefore], [edgesNow, pointsNow]] = planes.map((three) => features(three[0], width, height));
    return new Float32Array(width * height).map((_, at) => {
      const colour = bent(hyab(labAt(before, at), labAt(now, at)) ** COLOUR);
      const feature = (Math.max(Math.abs(edgesBefore[at] - edgesNow[at]), Math.abs(pointsBefore[at] - pointsNow[at])) / Math.SQRT2) ** FEATURE;
      return colour ** (1 - feature);
    });
  };
})(window.goldenseed);
