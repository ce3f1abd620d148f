// The waveform: bars over the whole width, the part that has been heard in full colour.

const BAR = 3;
const GAP = 2;

/** Draws `peaks`, of which `total` fill the width; `heard` from 0 to 1 of the width. */
export function drawWave(canvas, peaks, { total = peaks.length, heard = 1 } = {}) {
  const scale = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  const { color, fill } = getComputedStyle(canvas); // heard, and still to be heard
  const loudest = Math.max(0.15, ...peaks);
  const bars = Math.floor(width / (BAR + GAP));
  for (let bar = 0; bar < bars; bar++) {
    const from = Math.floor((bar / bars) * total);
    const to = Math.max(from + 1, Math.floor(((bar + 1) / bars) * total));
    if (from >= peaks.length) break;
    const peak = Math.max(...peaks.slice(from, Math.min(to, peaks.length))) / loudest;
    const half = Math.max(1.5, peak * height * 0.46);
    context.fillStyle = bar / bars < heard ? color : fill;
    context.beginPath();
    context.roundRect(bar * (BAR + GAP), height / 2 - half, BAR, 2 * half, BAR / 2);
    context.fill();
  }
}
