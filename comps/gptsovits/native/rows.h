// Rows of channels as networks of several layers keep them, and who computes which of them.
#pragma once

#include <algorithm>
#include <mutex>
#include <vector>

#include "convolution.h"
#include "pool.h"

constexpr int PAD = 64;             // rows of zeros around every array: no convolution looks further
constexpr long PART_ROWS = 512;     // of a layer, that one thread computes before it takes others

namespace {  // of this library alone, should another be loaded beside it
Pool pool;
std::mutex pool_mutex;
}  // namespace

inline long rounded_up(long n, long unit) { return (n + unit - 1) / unit * unit; }

// All threads at one piece of work after another.
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

constexpr int TILE = 48;  // rows that stay in the nearest caches, with what becomes of them

// `work(row, rows)` for tiles of n rows.
template <class Work>
void in_tiles(long n, const Together& together, const Work& work) {
    together(static_cast<int>((n + TILE - 1) / TILE), [&](int tile) {
        const long row = static_cast<long>(tile) * TILE;
        work(row, std::min<long>(TILE, n - row));
    });
}

// With as many threads as are asked for, or this one alone while others are at work.
template <class F>
void with_threads(int n_threads, const F& work) {
    std::unique_lock<std::mutex> mine(pool_mutex, std::try_to_lock);
    const int n = mine.owns_lock() ? n_threads : 1;
    if (mine.owns_lock()) pool.grow(n);
    work(n);
}

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

// Frames [n_channels][n_frames] as rows, of zeros where there are no such channels.
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
