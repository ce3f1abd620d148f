// Sound in the page: playing a stream while it arrives, drawing it, recording, and WAV files.

const HEADER_BYTES = 44;

/** Plays 16-bit mono samples as they come in; `samples` keeps them all. */
export class StreamPlayer {
  constructor(rate) {
    this.rate = rate;
    this.context = new AudioContext();
    this.at = 0;
    this.chunks = [];
    this.length = 0;
    this.rest = new Uint8Array(0);
    this.skip = HEADER_BYTES;
  }

  /** Takes the next bytes of the WAV stream. */
  push(bytes) {
    if (this.skip) {
      const n = Math.min(this.skip, bytes.length);
      this.skip -= n;
      bytes = bytes.subarray(n);
    }
    const joined = new Uint8Array(this.rest.length + bytes.length);
    joined.set(this.rest);
    joined.set(bytes, this.rest.length);
    const whole = joined.length & ~1;
    this.rest = joined.slice(whole);
    if (!whole) return;
    const view = new DataView(joined.buffer, 0, whole);
    const samples = new Float32Array(whole / 2);
    for (let i = 0; i < samples.length; i++) samples[i] = view.getInt16(2 * i, true) / 32768;
    this.chunks.push(samples);
    this.length += samples.length;
    this.play(samples);
  }

  play(samples) {
    const buffer = this.context.createBuffer(1, samples.length, this.rate);
    buffer.copyToChannel(samples, 0);
    const source = this.context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.context.destination);
    // A little lead before the first piece, so that the second can be late without a gap.
    this.at = Math.max(this.at, this.context.currentTime + (this.at ? 0.01 : 0.12));
    source.start(this.at);
    this.at += buffer.duration;
  }

  get seconds() { return this.length / this.rate; }
  stop() { this.context.close().catch(() => {}); }
}

/** Draws the peaks of `chunks` over the whole width of the canvas. */
export function drawWave(canvas, chunks, length) {
  const scale = window.devicePixelRatio || 1;
  const width = (canvas.width = Math.max(1, Math.round(canvas.clientWidth * scale)));
  const height = (canvas.height = Math.round(96 * scale));
  const context = canvas.getContext("2d");
  context.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--accent");
  const peaks = new Float32Array(width);
  let position = 0;
  for (const chunk of chunks) {
    for (let i = 0; i < chunk.length; i += 8) {
      const column = Math.min(width - 1, Math.floor(((position + i) / length) * width));
      peaks[column] = Math.max(peaks[column], Math.abs(chunk[i]));
    }
    position += chunk.length;
  }
  peaks.forEach((peak, x) => {
    const half = Math.max(0.5 * scale, peak * height * 0.48);
    context.fillRect(x, height / 2 - half, 1, 2 * half);
  });
}

/** Records the microphone; `stop` gives a WAV file. */
export class Microphone {
  async start() {
    this.stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1 } });
    this.context = new AudioContext();
    await this.context.audioWorklet.addModule("static/recorder-worklet.js");
    this.chunks = [];
    this.node = new AudioWorkletNode(this.context, "recorder");
    this.node.port.onmessage = (event) => this.chunks.push(event.data);
    this.context.createMediaStreamSource(this.stream).connect(this.node);
  }

  async stop() {
    this.stream.getTracks().forEach((track) => track.stop());
    const rate = this.context.sampleRate;
    await this.context.close();
    return new File([wavOf(this.chunks, rate)], "recording.wav", { type: "audio/wav" });
  }
}

function wavOf(chunks, rate) {
  const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const view = new DataView(new ArrayBuffer(HEADER_BYTES + 2 * length));
  const word = (offset, text) => [...text].forEach((c, i) => view.setUint8(offset + i, c.charCodeAt(0)));
  word(0, "RIFF"); view.setUint32(4, 36 + 2 * length, true); word(8, "WAVEfmt ");
  view.setUint32(16, 16, true); view.setUint16(20, 1, true); view.setUint16(22, 1, true);
  view.setUint32(24, rate, true); view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true); view.setUint16(34, 16, true);
  word(36, "data"); view.setUint32(40, 2 * length, true);
  let offset = HEADER_BYTES;
  for (const chunk of chunks) {
    for (const sample of chunk) {
      view.setInt16(offset, Math.max(-1, Math.min(1, sample)) * 32767, true);
      offset += 2;
    }
  }
  return view.buffer;
}
