// One step of the text-to-semantic transformer for several rows at once, and the products of a prefill.
//
// What networks/t2s computes with torch, for a processor that is fed from memory: weights are read once a step
// for all rows, in the order in which they lie, and nothing is written but a few vectors. A row's results do not
// depend on the other rows, nor on the number of threads.
#include <cmath>
#include <memory>

#include "attention.h"
#include "linear.h"
#include "pool.h"
#include "sampling.h"

namespace {

struct Norm {
    const float* weight;
    const float* bias;
};

struct Block {
    Linear qkv, out, expand, contract;
    Norm norm1, norm2;
};

struct Network {
    const Block* blocks;
    Linear head;
    const float* tokens;     // [V][C]
    const float* positions;  // [N][C], times their strength
    void* keys;              // [L][R][H][N / 16][D][16]
    void* values;            // [L][R][H][N][D]
    int64_t n_rows, capacity;
    int32_t n_layers, dim, n_heads, ffn_dim;
    int32_t cache_kind;  // FLOAT32 or BFLOAT16
};

// A row's part in a step.
struct Turn {
    int64_t token;
    int64_t row;
    int64_t length;  // positions in the cache before this one
    int64_t position;  // of the token among tokens
};

Pool pool;
std::mutex pool_mutex;

// y[i] = norm(x[i] + y[i])
void add_and_normalise(const float* x, float* y, int n, const Norm& norm) {
    floats total = {};
    for (int i = 0; i < n; i += LANES) {
        floats v = load(x + i) + load(y + i);
        store(y + i, v);
        total += v;
    }
    const float mean = sum(total) / n;
    floats squares = {};
    for (int i = 0; i < n; i += LANES) {
        floats v = load(y + i) - mean;
        squares += v * v;
    }
    const float scale = 1.0f / std::sqrt(sum(squares) / n + 1e-5f);
    for (int i = 0; i < n; i += LANES)
        store(y + i, (load(y + i) - mean) * scale * load(norm.weight + i) + load(norm.bias + i));
}

void rectify(float* x, int n) {
    for (int i = 0; i < n; i += LANES) store(x + i, larger(load(x + i), floats{}));
}

struct Workspace {
    std::vector<float> x, mixed, y, hidden, heads;
    void fit(const Network& net, int n_rows) {
        const size_t wide = padded(net.dim), rows = n_rows;
        x.assign(rows * wide, 0.0f);
        mixed.assign(rows * wide, 0.0f);
        y.assign(rows * wide, 0.0f);
        hidden.assign(rows * padded(net.ffn_dim), 0.0f);
        heads.resize(rows * 3 * net.dim);
    }
};

template <class Run>
void all_blocks(
    const Linear& layer, const Run& run, const float* x, int n, long x_stride, float* y, long y_stride,
    bool is_rectified = false) {
    run(layer.n_blocks, [&](int block) {
        float* out = y + long(block) * block_size(layer);
        product(layer, block, x, n, x_stride, out, y_stride);
        if (is_rectified)
            for (int r = 0; r < n; r++) rectify(out + r * y_stride, block_size(layer));
    });
}

template <class T, class Run>
void step(const Network& net, const Turn* turns, int n, const Run& run, float* logits) {
    static thread_local Workspace space;
    space.fit(net, n);
    const int C = net.dim, D = C / net.n_heads;
    const int blocks_a_head = net.blocks->qkv.n_blocks / net.n_heads;
    const long wide = padded(C), wider = padded(net.ffn_dim);
    float *x = space.x.data(), *mixed = space.mixed.data(), *y = space.y.data(), *hidden = space.hidden.data();
    float* const heads = space.heads.data();  // not through `space` on other threads: each has its own
    for (int r = 0; r < n; r++)
        for (int i = 0; i < C; i++)
            x[r * wide + i] = net.tokens[turns[r].token * C + i] + net.positions[turns[r].position * C + i];
    for (int layer = 0; layer < net.n_layers; layer++) {
        const Block& block = net.blocks[layer];
        run(net.n_heads, [&](int h) {
            float* qkv = heads + long(h) * n * 3 * D;  // [n][3][D]
            for (int b = 0; b < blocks_a_head; b++)
                product(
                    block.qkv, h * blocks_a_head + b, x, n, wide, qkv + b * block_size(block.qkv), 3 * D);
            for (int r = 0; r < n; r++) {
                const long head = ((layer * net.n_rows + turns[r].row) * net.n_heads + h) * net.capacity * D;
                const Memory<T> memory{static_cast<T*>(net.keys) + head, static_cast<T*>(net.values) + head, D};
                const float* own = qkv + r * 3 * D;
                memory.append(turns[r].length, own + D, own + 2 * D);
                memory.attend(own, turns[r].length + 1, mixed + r * wide + h * D);
            }
        });
        all_blocks(block.out, run, mixed, n, wide, y, wide);
        for (int r = 0; r < n; r++) add_and_normalise(x + r * wide, y + r * wide, C, block.norm1);
        all_blocks(block.expand, run, y, n, wide, hidden, wider, true);
        all_blocks(block.contract, run, hidden, n, wider, x, wide);
        for (int r = 0; r < n; r++) add_and_normalise(y + r * wide, x + r * wide, C, block.norm2);
    }
    all_blocks(net.head, run, x, n, wide, logits, long(net.head.n_blocks) * block_size(net.head));
}

// Calls f with a function that runs chunks on so many threads, or on this one alone while others are at work.
template <class F>
void with_threads(int n_threads, const F& f) {
    std::unique_lock<std::mutex> mine(pool_mutex, std::try_to_lock);
    const int n = mine.owns_lock() ? n_threads : 1;
    if (mine.owns_lock()) pool.grow(n);
    f([n](int n_chunks, const auto& work) { pool.run(n_chunks, n, work); });
}

}  // namespace

extern "C" {

// logits [n][V rounded up to whole blocks] of the token after each turn's.
void t2s_step(const Network* net, const Turn* turns, int32_t n, int32_t n_threads, float* logits) {
    with_threads(n_threads, [&](const auto& run) {
        if (net->cache_kind == BFLOAT16) step<bf16>(*net, turns, n, run, logits);
        else step<float>(*net, turns, n, run, logits);
    });
}

// y [n][outputs rounded up to whole blocks] = x [n][inputs rounded up to groups] times the layer.
void t2s_linear(const Linear* layer, const float* x, int64_t n, float* y, int32_t n_threads) {
    constexpr int64_t ROWS = 96;  // so that a chunk's rows and its weights stay near
    const int64_t x_stride = padded(layer->n_in), size = block_size(*layer), y_stride = layer->n_blocks * size;
    const int n_parts = static_cast<int>((n + ROWS - 1) / ROWS);
    with_threads(n_threads, [&](const auto& run) {
        run(layer->n_blocks * n_parts, [&](int chunk) {
            const int block = chunk / n_parts;
            const int64_t row = chunk % n_parts * ROWS;
            product(
                *layer, block, x + row * x_stride, static_cast<int>(std::min(ROWS, n - row)), x_stride,
                y + row * y_stride + block * size, y_stride);
        });
    });
}

void t2s_draw(const float* logits, int64_t stride, int32_t vocab_size, Drawing* drawings, int32_t n) {
    for (int r = 0; r < n; r++) draw(logits + r * stride, vocab_size, drawings[r]);
}

// Seconds that reading n floats takes, for the roofline: as a step reads weights, each thread its own part.
float t2s_read(const float* from, int64_t n, int32_t n_threads) {
    constexpr int64_t PART = 1 << 16;
    std::atomic<float> kept{0};
    with_threads(n_threads, [&](const auto& run) {
        run(static_cast<int>(n / PART), [&](int part) {
            floats acc[4] = {};
            const float* at = from + part * PART;
            for (int64_t i = 0; i < PART; i += 4 * LANES)
                for (int c = 0; c < 4; c++) acc[c] += load(at + i + c * LANES);
            float total = sum((acc[0] + acc[1]) + (acc[2] + acc[3]));
            if (total != 0) kept.store(total, std::memory_order_relaxed);
        });
    });
    return kept.load();
}
}
