// What a decoder calls, of each network the heavy part (../networks computes the same with torch).
#include "encoder.h"
#include "flow.h"
#include "hifigan.h"
#include "vocos.h"

namespace {

// x [n][n_in] and zeros around it, convolved to y [n_out][...].
template <class E>
void one_layer(const Conv& conv, const float* x, long n, long n_out, const Together& together, float* y) {
    static thread_local Rows<E> rows;
    rows.fit(n, static_cast<int>(rounded_up(conv.n_in, LANES)));
    for (long t = 0; t < n; t++) {
        int c = 0;
        for (; c + LANES <= conv.n_in; c += LANES) keep(rows.row(t) + c, load(x + t * conv.n_in + c));
        floats rest = {};
        for (int i = c; i < conv.n_in; i++) rest[i - c] = x[t * conv.n_in + i];
        if (c < conv.n_in) keep(rows.row(t) + c, rest);
    }
    Output<E> made;
    made.stride = long(conv.n_blocks) * conv.width * LANES;
    made.raw = y;
    convolve(conv, rows.row(0), rows.channels(), 0, n_out, made, together);
}

// With products of the type that is asked for, if this processor has them.
template <class Work>
void in_type(bool is_bfloat16, int n_threads, const Work& work) {
    with_threads(n_threads, [&](int n_free) {
        const Together together{n_free};
#if HAS_BFLOAT16
        if (is_bfloat16) return work.template operator()<bf16>(together);
#endif
        work.template operator()<float>(together);
    });
}

}  // namespace

extern "C" {

// How many vectors a block of outputs may have.
int32_t vector_width() { return WIDEST; }

int32_t has_bfloat16() { return HAS_BFLOAT16; }

// frames [n_channels][n_frames] -> samples [n_samples rounded up to 16], before the last tanh.
void hifigan_run(const HifiGan* net, const float* frames, int32_t n_threads, float* samples) {
    in_type(net->is_bfloat16, n_threads, [&]<class E>(const Together& together) {
        vocode<E>(*net, frames, together, samples);
    });
}

// x [n][n_in] -> y [n_out][outputs rounded up to whole blocks]. No tap looks further than PAD rows beyond x.
void convolution_run(
    const Conv* conv, int32_t is_bfloat16, const float* x, int64_t n, int64_t n_out, int32_t n_threads, float* y) {
    in_type(is_bfloat16, n_threads, [&]<class E>(const Together& together) {
        one_layer<E>(*conv, x, n, n_out, together, y);
    });
}

// frames [n_channels][n_frames] -> samples [n_samples], within -1 ... 1.
void vocos_run(const Vocos* net, const float* frames, int32_t n_threads, float* samples) {
    in_type(net->is_bfloat16, n_threads, [&]<class E>(const Together& together) {
        speak<E>(*net, frames, together, samples);
    });
}

// x [n][channels] through a prior's encoder, in place.
void encoder_run(
    const EncoderBlock* blocks, int32_t n_blocks, int32_t is_bfloat16, float* x, int64_t n, int32_t n_threads) {
    in_type(is_bfloat16, n_threads, [&]<class E>(const Together& together) {
        through_encoder<E>(blocks, n_blocks, x, n, together);
    });
}

// What the queries find, [n_queries][n_heads * dim].
void attention_run(const Attention* heads, int32_t n_threads, float* out) {
    with_threads(n_threads, [&](int n_free) {
        attend(*heads, out, long(heads->n_heads) * heads->dim, Together{n_free});
    });
}

// z [n_channels][n] through the inverse flow, in place.
void flow_run(
    const Coupling* couplings, int32_t n_couplings, int32_t is_bfloat16, float* z, int64_t n, int32_t n_threads) {
    in_type(is_bfloat16, n_threads, [&]<class E>(const Together& together) {
        through_flow<E>(couplings, n_couplings, z, n, together);
    });
}
}
