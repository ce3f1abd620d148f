// Sound in the page: playing a stream while it arrives, recording, and WAV files.

const HEADER_BYTES = 44;
const PEAKS_A_SECOND = 100;

/** Plays 16-bit mono samples as they come in, keeps them all, and their peaks for drawing. */
export class StreamPlayer {
  constructor(rate, context) {
    this.rate = rate;
    this.context = context;
    this.chunks = [];
    this.length = 0;
    this.peaks = [];
    this.peakSize = Math.round(rate / PEAKS_A_SECOND);
    this.startedAt = null; // on the context's clock
    this.endsAt = 0;
    this.rest = new Uint8Array(0);
    this.skip = HEADER_BYTES;
  }

  /** Takes the next bytes of the WAV stream. */
  push(bytes) {
    const skipped = Math.min(this.skip, bytes.length);
    this.skip -= skipped;
    const joined = new Uint8Array(this.rest.length + bytes.length - skipped);
    joined.set(this.rest);
    joined.set(bytes.subarray(skipped), this.rest.length);
    const whole = joined.length & ~1;
    this.rest = joined.slice(whole);
    if (!whole) return;
    const view = new DataView(joined.buffer, 0, whole);
    const samples = new Float32Array(whole / 2);
    for (let i = 0; i < samples.length; i++) {
      samples[i] = view.getInt16(2 * i, true) / 32768;
      const at = Math.floor((this.length + i) / this.peakSize);
      this.peaks[at] = Math.max(this.peaks[at] ?? 0, Math.abs(samples[i]));
    }
    this.chunks.push(samples);
    this.length += samples.length;
    this.schedule(samples);
  }

  schedule(samples) {
    const buffer = this.context.createBuffer(1, samples.length, this.rate);
    buffer.copyToChannel(samples, 0);
    const source = this.context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.context.destination);
    // A little lead before the first piece, so that the second can be late without a gap.
    const lead = this.startedAt === null ? 0.12 : 0.01;
    const at = Math.max(this.endsAt, this.context.currentTime + lead);
    this.startedAt ??= at;
    source.start(at);
    this.endsAt = at + buffer.duration;
  }

  get seconds() { return this.length / this.rate; }

  /** How much of it has been heard. */
  get heard() {
    if (this.startedAt === null) return 0;
    return Math.max(0, this.seconds - Math.max(0, this.endsAt - this.context.currentTime));
  }

  file() { return wavOf(this.chunks, this.rate); }
  stop() { this.context.close().catch(() => {}); }
}

/** Records the microphone; `stop` gives a WAV file. `onLevel` hears of the loudness meanwhile. */
export class Microphone {
  constructor(onLevel) { this.onLevel = onLevel; }

  async start() {
    if (!navigator.mediaDevices) throw new Error("Browsers let a page record over https or on localhost only.");
    this.stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1 } });
    this.context = new AudioContext();
    await this.context.audioWorklet.addModule("static/recorder-worklet.js");
    this.chunks = [];
    this.length = 0;
    this.node = new AudioWorkletNode(this.context, "recorder");
    this.node.port.onmessage = ({ data }) => {
      this.chunks.push(data);
      this.length += data.length;
      this.onLevel(Math.sqrt(data.reduce((sum, x) => sum + x * x, 0) / data.length), this.seconds);
    };
    this.context.createMediaStreamSource(this.stream).connect(this.node);
  }

  get seconds() { return this.length / this.context.sampleRate; }

  async stop() {
    this.stream.getTracks().forEach((track) => track.stop());
    await this.context.close();
    return new File([wavOf(this.chunks, this.context.sampleRate)], "recording.wav", { type: "audio/wav" });
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
      view.setInt16(offset, Math.round(Math.max(-1, Math.min(1, sample)) * 32767), true);
      offset += 2;
    }
  }
  return new Blob([view.buffer], { type: "audio/wav" });
}
