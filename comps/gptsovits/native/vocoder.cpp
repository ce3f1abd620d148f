// A HiFi-GAN: latent frames to samples, as networks/vocoders/hifigan.py computes it with torch.
//
// Channels lie side by side, so that each convolution is a product of rows with a matrix (convolution.h), and
// activations are applied where sums are still at hand. Stages with few channels, which would be bound by memory,
// are computed a stretch of time at a time, from the upsampling to the mean of the residual blocks, while all of
// it stays in a core's own cache; stages with many channels, layer by layer, by all threads together.
#include "blocks.h"

#include <mutex>

#include "pool.h"

namespace {

constexpr float SLOPE = 0.1f, LAST_SLOPE = 0.01f;
constexpr int PAD = 64;  // rows of zeros around every array: no convolution looks further
constexpr int FUSED_CHANNELS = 128;  // at most, of stages computed a stretch at a time
constexpr int STRETCH = 1 << 18;     // numbers in one array of a stretch, at most
constexpr long PART_ROWS = 512;      // of a layer, that one thread computes before it takes others

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

struct Vocoder {
    Conv in, out;  // `out` makes 16 samples a row
    const Stage* stages;
    int32_t n_stages, is_bfloat16;
    int32_t n_channels;   // of a frame
    int32_t in_channels;  // of the first stage
    int32_t n_frames;
    int32_t n_rows_in, n_skipped_in;  // kept of what `in` makes
    int32_t n_samples, n_skipped_samples;
};

Pool pool;
std::mutex pool_mutex;

long rounded_up(long n, long unit) { return (n + unit - 1) / unit * unit; }

// All threads at one convolution after another.
struct Together {
    int n_threads;
    template <class Work>
    void operator()(int n, const Work& work) const { pool.run(n, n_threads, work); }
    long rows_of_part(long n, int n_blocks, long tile) const {
        const long enough = (4L * n_threads + n_blocks - 1) / n_blocks;
        const long n_parts = std::max(enough, n_blocks > 1 ? 1 : n / PART_ROWS);
        return rounded_up((n + n_parts - 1) / n_parts, tile);
    }
};

// This thread alone.
struct Alone {
    template <class Work>
    void operator()(int n, const Work& work) const { for (int i = 0; i < n; i++) work(i); }
    long rows_of_part(long n, int, long) const { return n; }
};

// Rows of channels with rows of zeros around them.
template <class T>
class Rows {
public:
    void fit(long n_rows, int channels) {
        const size_t needed = (n_rows + 2 * PAD) * channels;
        if (space_.size() < needed + LANES * 4) space_ = std::vector<T>(needed + LANES * 4);
        channels_ = channels;
        T* start = space_.data();
        start += (64 - reinterpret_cast<uintptr_t>(start) % 64) % 64 / sizeof(T);
        first_ = start + long(PAD) * channels;
        std::fill(start, first_, T{});
        std::fill(row(n_rows), row(n_rows + PAD), T{});
    }
    T* row(long index) const { return first_ + index * channels_; }
    int channels() const { return channels_; }

private:
    std::vector<T> space_;
    T* first_ = nullptr;
    int channels_ = 0;
};

template <class E>
struct Scratch {
    Rows<float> raw, residual, total;
    Rows<E> active, hidden, inner;
};

int reach_of(const Conv& conv) { return (conv.n_taps - 1) * conv.dilation / 2; }

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
void transposed(const float* frames, int n_channels, int n_frames, Rows<E>& rows) {
    alignas(64) float part[LANES];
    for (int t = 0; t < n_frames; t++)
        for (int c = 0; c < n_channels; c += LANES) {
            for (int i = 0; i < LANES; i++)
                part[i] = c + i < n_channels ? frames[long(c + i) * n_frames + t] : 0.0f;
            keep(rows.row(t) + c, load(part));
        }
}

template <class E>
void vocode(const Vocoder& net, const float* frames, int n_threads, float* samples) {
    static thread_local Rows<E> arrays[2];
    static thread_local Scratch<E> wide;
    const Together together{n_threads};
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
        const int n = static_cast<int>(rounded_up(n_stretches, n_threads));  // as many for each thread
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

// x [n][n_in] and zeros around it, convolved to y [n_out][...].
template <class E>
void one_layer(const Conv& conv, const float* x, long n, long n_out, int n_threads, float* y) {
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
    convolve(conv, rows.row(0), rows.channels(), 0, n_out, made, Together{n_threads});
}

// With as many threads as are asked for, or this one alone while others are at work.
template <class F>
void with_threads(int n_threads, const F& work) {
    std::unique_lock<std::mutex> mine(pool_mutex, std::try_to_lock);
    const int n = mine.owns_lock() ? n_threads : 1;
    if (mine.owns_lock()) pool.grow(n);
    work(n);
}

}  // namespace

extern "C" {

// How many vectors a block of outputs may have.
int32_t vocoder_width() { return WIDEST; }

int32_t vocoder_has_bfloat16() { return HAS_BFLOAT16; }

// frames [n_channels][n_frames] -> samples [n_samples rounded up to 16], before the last tanh.
void vocoder_run(const Vocoder* net, const float* frames, int32_t n_threads, float* samples) {
    with_threads(n_threads, [&](int n) {
#if HAS_BFLOAT16
        if (net->is_bfloat16) return vocode<bf16>(*net, frames, n, samples);
#endif
        vocode<float>(*net, frames, n, samples);
    });
}

// x [n][n_in] -> y [n_out][outputs rounded up to whole blocks]. No tap looks further than PAD rows beyond x.
void convolution_run(
    const Conv* conv, int32_t is_bfloat16, const float* x, int64_t n, int64_t n_out, int32_t n_threads, float* y) {
    with_threads(n_threads, [&](int n_free) {
#if HAS_BFLOAT16
        if (is_bfloat16) return one_layer<bf16>(*conv, x, n, n_out, n_free, y);
#endif
        one_layer<float>(*conv, x, n, n_out, n_free, y);
    });
}

// x [n][channels] through a Vocos's blocks, in place.
void blocks_run(
    const Block* blocks, int32_t n_blocks, int32_t is_bfloat16, float* x, int64_t n, int32_t n_threads) {
    with_threads(n_threads, [&](int n_free) {
        const Together together{n_free};
#if HAS_BFLOAT16
        if (is_bfloat16) return through_blocks<bf16>(blocks, n_blocks, x, n, together, Alone{});
#endif
        through_blocks<float>(blocks, n_blocks, x, n, together, Alone{});
    });
}
}
