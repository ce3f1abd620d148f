// A HiFi-GAN: latent frames to samples, as networks/vocoders/hifigan.py computes it with torch.
//
// Channels lie side by side, so that each convolution is a product of rows with a matrix (convolution.h), and
// activations are applied where sums are still at hand. Stages with few channels, which would be bound by memory,
// are computed a stretch of time at a time, from the upsampling to the mean of the residual blocks, while all of
// it stays in a core's own cache; stages with many channels, layer by layer, by all threads together.
#pragma once

#include "rows.h"

constexpr float SLOPE = 0.1f, LAST_SLOPE = 0.01f;
constexpr int FUSED_CHANNELS = 128;  // at most, of stages computed a stretch at a time
constexpr int STRETCH = 1 << 18;     // numbers in one array of a stretch, at most

struct Pair {
    Conv dilated, plain;
};

struct Stage {
    const Conv* up;      // [rate], one for each phase of the output
    const Pair* pairs;   // [n_blocks][n_pairs]
    int32_t rate, padding;
    int32_t channels;    // of the output, a multiple of 16
    int32_t n_blocks, n_pairs;
    int32_t n_rows, n_skipped;          // kept of what is upsampled, after so many that are not
    int32_t n_rows_out, n_skipped_out;  // and of those, of what the blocks make
};

struct HifiGan {
    Conv in, out;  // `out` makes 16 samples a row
    const Stage* stages;
    int32_t n_stages, is_bfloat16;
    int32_t n_channels;   // of a frame
    int32_t in_channels;  // of the first stage
    int32_t n_frames;
    int32_t n_rows_in, n_skipped_in;  // kept of what `in` makes
    int32_t n_samples, n_skipped_samples;
};

template <class E>
struct Scratch {
    Rows<float> raw, residual, total;
    Rows<E> active, hidden, inner;
};

inline int reach_of(const Conv& conv) { return (conv.n_taps - 1) * conv.dilation / 2; }

// Rows first ... last - 1 of a stage's output; `out` is of row 0.
template <class E, class Run>
void stage_rows(
    const Stage& stage, const Rows<E>& in, long first, long last, const Output<E>& out, Scratch<E>& space,
    const Run& run) {
    const int C = stage.channels;
    int reach = 0;
    for (int b = 0; b < stage.n_blocks; b++) {
        int own = 0;
        for (int j = 0; j < stage.n_pairs; j++) {
            const Pair& pair = stage.pairs[b * stage.n_pairs + j];
            own += reach_of(pair.dilated) + reach_of(pair.plain);
        }
        reach = std::max(reach, own);
    }
    const auto clipped = [&](long row) { return std::min(std::max(row, 0L), long(stage.n_rows)); };
    const long low = clipped(first - reach), high = clipped(last + reach), n = high - low;
    for (Rows<float>* each : {&space.raw, &space.residual, &space.total}) each->fit(n, C);
    for (Rows<E>* each : {&space.active, &space.hidden, &space.inner}) each->fit(n, C);
    // Row 0 of the stage, wherever these begin.
    float *raw = space.raw.row(-low), *residual = space.residual.row(-low), *total = space.total.row(-low);
    E *active = space.active.row(-low), *hidden = space.hidden.row(-low), *inner = space.inner.row(-low);

    for (int phase = 0; phase < stage.rate; phase++) {
        // Row t is made where t + offset = q * rate, from the rows before and at q.
        const long offset = long(stage.n_skipped) + stage.padding - phase;
        const long up = offset + stage.rate - 1;
        const long from = (low + up) / stage.rate, to = (high + up) / stage.rate;
        Output<E> made;
        made.stride = long(C) * stage.rate;
        made.raw = raw - offset * C;
        made.active = active - offset * C;
        made.slope = SLOPE;
        convolve(stage.up[phase], in.row(0), in.channels(), from, to, made, run);
    }
    for (int b = 0; b < stage.n_blocks; b++) {
        const Pair* pairs = stage.pairs + b * stage.n_pairs;
        int needed = 0;  // rows around the wanted ones
        for (int j = 0; j < stage.n_pairs; j++) needed += reach_of(pairs[j].dilated) + reach_of(pairs[j].plain);
        for (int j = 0; j < stage.n_pairs; j++) {
            const bool is_last = j == stage.n_pairs - 1;
            needed -= reach_of(pairs[j].dilated);
            Output<E> made;
            made.stride = C;
            made.active = hidden;
            made.slope = SLOPE;
            const E* source = j == 0 ? active : inner;
            convolve(pairs[j].dilated, source, C, clipped(first - needed), clipped(last + needed), made, run);
            needed -= reach_of(pairs[j].plain);
            made.residual = j == 0 ? raw : residual;
            made.active = is_last ? nullptr : inner;
            made.raw = is_last ? total : residual;
            if (is_last && b > 0) made.before = total;
            if (is_last && b == stage.n_blocks - 1) {
                made.raw = nullptr;
                made.active = out.active;
                made.slope = out.slope;
                made.scale = 1.0f / stage.n_blocks;
            }
            convolve(pairs[j].plain, hidden, C, clipped(first - needed), clipped(last + needed), made, run);
        }
    }
}

template <class E>
void vocode(const HifiGan& net, const float* frames, const Together& together, float* samples) {
    static thread_local Rows<E> arrays[2];
    static thread_local Scratch<E> wide;
    const int padded = (net.n_channels + LANES - 1) / LANES * LANES;
    Rows<E>*in = &arrays[0], *out = &arrays[1];
    in->fit(net.n_frames, padded);
    transposed(frames, net.n_channels, net.n_frames, *in);
    out->fit(net.n_rows_in, net.in_channels);
    Output<E> made;
    made.stride = net.in_channels;
    made.slope = SLOPE;
    made.active = out->row(-net.n_skipped_in);
    convolve(net.in, in->row(0), padded, net.n_skipped_in, long(net.n_skipped_in) + net.n_rows_in, made, together);
    for (int s = 0; s < net.n_stages; s++) {
        const Stage& stage = net.stages[s];
        std::swap(in, out);
        out->fit(stage.n_rows_out, stage.channels);
        made.stride = stage.channels;
        made.slope = s == net.n_stages - 1 ? LAST_SLOPE : SLOPE;
        made.active = out->row(-stage.n_skipped_out);
        const long first = stage.n_skipped_out, last = first + stage.n_rows_out;
        if (stage.channels > FUSED_CHANNELS) {
            stage_rows(stage, *in, first, last, made, wide, together);
            continue;
        }
        const long n_stretches = (long(stage.n_rows_out) * stage.channels + STRETCH - 1) / STRETCH;
        const int n = static_cast<int>(rounded_up(n_stretches, together.n_threads));  // as many for each thread
        const Rows<E>& source = *in;
        together(n, [&](int i) {
            static thread_local Scratch<E> own;
            const long from = first + (last - first) * i / n, to = first + (last - first) * (i + 1) / n;
            stage_rows(stage, source, from, to, made, own, Alone{});
        });
    }
    Output<E> sound;
    sound.stride = LANES;
    sound.raw = samples;
    const long n_rows = (net.n_samples + LANES - 1) / LANES;
    convolve(net.out, out->row(net.n_skipped_samples), out->channels(), 0, n_rows, sound, together);
}
