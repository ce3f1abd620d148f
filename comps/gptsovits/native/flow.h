// The inverse of a coupling flow (networks/vits/coupling.py): each coupling moves one half of the channels by what a
// small WaveNet says of the other half, after both have changed places.
#pragma once

#include "rows.h"

struct WaveLayer {
    Conv gate;             // to content and opening, 2 * C
    Conv residual, skip;   // the last layer has no residual
};

struct Coupling {
    Conv pre, post;
    const WaveLayer* layers;
    int32_t n_layers, channels;  // of the WaveNet, a multiple of 16
    int32_t half;                // of the latent channels
};

inline floats sigmoid(floats x) {  // by the side of it that does not overflow
    const floats e = exponential(x < 0.0f ? x : -x);
    return (x < 0.0f ? e : splat(1.0f)) / (1.0f + e);
}

inline floats tanh_of(floats x) { return 2.0f * sigmoid(2.0f * x) - 1.0f; }

// z: rows of latent channels, in place. `first` and `second` take turns as what a layer reads and what it leaves.
template <class E>
void couple(
    const Coupling& coupling, float* z, long stride, long n, Rows<E>& kept, Rows<E>& first, Rows<E>& second,
    std::vector<float>& space, const Together& together) {
    const int C = coupling.channels, half = coupling.half;
    const int padded = static_cast<int>(rounded_up(half, LANES));
    kept.fit(n, padded), first.fit(n, C), second.fit(n, C);
    if (static_cast<long>(space.size()) < n * std::max(2 * C, padded)) space.resize(n * std::max(2 * C, padded));
    float *const x = space.data(), *const total = x + n * C;
    for (long t = 0; t < n; t++) {
        float* row = z + t * stride;
        std::reverse(row, row + 2 * half);
        for (int c = 0; c < padded; c++) keep(kept.row(t) + c, c < half ? row[c] : 0.0f);
    }
    E *from = first.row(0), *to = second.row(0);
    Output<E> begun;
    begun.stride = C;
    begun.raw = x;
    begun.active = from;
    convolve(coupling.pre, kept.row(0), padded, 0, n, begun, together);
    for (int i = 0; i < coupling.n_layers; i++) {
        const WaveLayer& layer = coupling.layers[i];
        const bool is_last = i == coupling.n_layers - 1;
        in_tiles(n, together, [&](long row, long rows) {
            static thread_local std::vector<float> hidden;
            static thread_local std::vector<E> gated;
            hidden.resize(TILE * 2 * C), gated.resize(TILE * C);
            Output<E> made;
            made.stride = 2 * C;
            made.raw = hidden.data();
            convolve(layer.gate, from + row * C, C, 0, rows, made, Alone{});
            for (long r = 0; r < rows; r++)
                for (int c = 0; c < C; c += LANES) {
                    const float* own = hidden.data() + r * 2 * C + c;
                    keep(gated.data() + r * C + c, tanh_of(load(own)) * sigmoid(load(own + C)));
                }
            made = Output<E>();
            made.stride = C;
            made.raw = total + row * C;
            if (i > 0) made.before = total + row * C;
            if (is_last) made.active = to + row * C;  // the sum of all, which `post` reads
            convolve(layer.skip, gated.data(), C, 0, rows, made, Alone{});
            if (is_last) return;
            made = Output<E>();
            made.stride = C;
            made.residual = made.raw = x + row * C;
            made.active = to + row * C;
            convolve(layer.residual, gated.data(), C, 0, rows, made, Alone{});
        });
        std::swap(from, to);
    }
    Output<E> moved;
    moved.stride = padded;
    moved.raw = x;  // which is not needed any more
    convolve(coupling.post, from, C, 0, n, moved, together);
    for (long t = 0; t < n; t++)
        for (int c = 0; c < half; c++) z[t * stride + half + c] -= x[t * padded + c];
}

// z [n_channels][n] in place.
template <class E>
void through_flow(const Coupling* couplings, int n_couplings, float* z, long n, const Together& together) {
    static thread_local Rows<float> latent;
    static thread_local Rows<E> kept, first, second;
    static thread_local std::vector<float> space;
    const int n_channels = 2 * couplings->half;
    latent.fit(n, static_cast<int>(rounded_up(n_channels, LANES)));
    transposed(z, n_channels, static_cast<int>(n), latent);
    for (int i = n_couplings - 1; i >= 0; i--)
        couple(couplings[i], latent.row(0), latent.channels(), n, kept, first, second, space, together);
    for (long t = 0; t < n; t++)
        for (int c = 0; c < n_channels; c++) z[c * n + t] = latent.row(t)[c];
}
