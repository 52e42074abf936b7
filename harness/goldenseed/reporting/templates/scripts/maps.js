// Maps of where two images differ: structural similarity here, FLIP in flip.js; and their colours.
((page) => {
  // SSIM's window: sigma 1.5, cut at 3.5 sigma (Wang et al. 2004), its weights from the middle out.
  const BELL = [0.26601172486179436, 0.2130055377112537, 0.10936068950970002, 0.03600077212843083, 0.007598758135239185, 0.00102838008447911];
  const C1 = (0.01 * 255) ** 2, C2 = (0.03 * 255) ** 2;

  page.MIRRORED = (place, size) => {
    const period = 2 * size, at = ((place % period) + period) % period;
    return at < size ? at : period - 1 - at;
  };
  page.REPEATED = (place, size) => Math.min(Math.max(place, 0), size - 1);

  // A plane filtered across and down with two kernels, given from their middles out: symmetric ones,
  // or odd ones, whose other half has the other sign.
  page.filtered = (plane, width, height, across, down, { border = page.MIRRORED, oddAcross = false, oddDown = false } = {}) => {
    const pass = (source, kernel, odd, long, others, step, stride) => {
      const out = new Float32Array(source.length);
      const before = new Int32Array(long * kernel.length), after = new Int32Array(long * kernel.length);
      for (let place = 0; place < long; place += 1) {
        for (let reach = 1; reach < kernel.length; reach += 1) {
          before[place * kernel.length + reach] = step * border(place - reach, long);
          after[place * kernel.length + reach] = step * border(place + reach, long);
        }
      }
      const sign = odd ? -1 : 1;
      for (let other = 0; other < others; other += 1) {
        const base = other * stride;
        for (let place = 0; place < long; place += 1) {
          let sum = kernel[0] * source[base + place * step];
          for (let reach = 1, at = place * kernel.length + 1; reach < kernel.length; reach += 1, at += 1) {
            sum += kernel[reach] * (source[base + after[at]] + sign * source[base + before[at]]);
          }
          out[base + place * step] = sum;
        }
      }
      return out;
    };
    return pass(pass(plane, across, oddAcross, width, height, 1, width), down, oddDown, height, width, width, 1);
  };

  // 1 - SSIM at each pixel, the mean over the colours.
  page.ssimMap = ({ baseline, current }) => {
    const { width, height } = baseline, size = width * height, lost = new Float32Array(size);
    for (let channel = 0; channel < 3; channel += 1) {
      const planes = Array.from({ length: 5 }, () => new Float32Array(size));
      const [x, y, xx, yy, xy] = planes;
      for (let at = 0; at < size; at += 1) {
        x[at] = baseline.data[4 * at + channel];
        y[at] = current.data[4 * at + channel];
        xx[at] = x[at] * x[at]; yy[at] = y[at] * y[at]; xy[at] = x[at] * y[at];
      }
      const [mx, my, mxx, myy, mxy] = planes.map((plane) => page.filtered(plane, width, height, BELL, BELL));
      for (let at = 0; at < size; at += 1) {
        const square = mx[at] * mx[at] + my[at] * my[at], product = mx[at] * my[at];
        const similarity = ((2 * product + C1) * (2 * (mxy[at] - product) + C2)) /
          ((square + C1) * (mxx[at] + myy[at] - square + C2));
        lost[at] += (1 - similarity) / 3;
      }
    }
    return lost;
  };

  page.mean = (plane) => plane.reduce((sum, value) => sum + value, 0) / plane.length;

  // Magma, as a polynomial: dark where nothing differs, bright where all does.
  const MAGMA = [
    [-0.002136485, -0.000749655, -0.005386128], [0.251660541, 0.677523244, 2.494026599],
    [8.353717279, -3.577719515, 0.314467903], [-27.668733086, 14.264730781, -13.649213188],
    [52.176139812, -27.943606072, 12.944169442], [-50.768525365, 29.046582821, 4.234152994],
    [18.655705066, -11.489773520, -5.601961509]];

  page.paintMap = (canvas, plane, width, height) => {
    canvas.width = width;
    canvas.height = height;
    const context = canvas.getContext("2d"), picture = context.createImageData(width, height);
    for (let at = 0; at < plane.length; at += 1) {
      const value = Math.min(Math.max(plane[at], 0), 1);
      for (let channel = 0; channel < 3; channel += 1) {
        let sum = 0;
        for (let term = 6; term >= 0; term -= 1) sum = sum * value + MAGMA[term][channel];
        picture.data[4 * at + channel] = 255 * Math.min(Math.max(sum, 0), 1);
      }
      picture.data[4 * at + 3] = 255;
    }
    context.putImageData(picture, 0, 0);
  };
})(window.goldenseed);
