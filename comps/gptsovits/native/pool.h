// Threads that share the chunks of one piece of work after another, microseconds apart.
//
// Who is free takes the next chunk; a thread that sleeps, or that the system has stopped, holds up nobody but
// the chunk it is at. What a chunk computes does not depend on who computes it.
#pragma once

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#if defined(__x86_64__) || defined(__i386__)
inline void breathe() { __builtin_ia32_pause(); }
#elif defined(__aarch64__)
inline void breathe() { asm volatile("yield"); }
#else
inline void breathe() {}
#endif

class Pool {
public:
    ~Pool() {
        work_ = nullptr;
        n_left_.store(STOP, std::memory_order_release);
        n_left_.notify_all();
        for (auto& thread : threads_) thread.join();
    }

    // Together with the caller there are to be so many threads. Not while work is being done.
    void grow(int n_threads) {
        while (static_cast<int>(threads_.size()) < n_threads - 1) {
            int index = static_cast<int>(threads_.size()) + 1;
            threads_.emplace_back([this, index] { help(index); });
        }
    }

    // work(0) ... work(n - 1), by at most n_threads threads, this one among them.
    template <class Work>
    void run(int n, int n_threads, const Work& work) {
        if (n_threads < 2 || n < 2 || threads_.empty()) {
            for (int i = 0; i < n; i++) work(i);
            return;
        }
        call_ = [](const void* work, int i) { (*static_cast<const Work*>(work))(i); };
        work_ = &work;
        n_threads_.store(n_threads, std::memory_order_relaxed);
        n_unfinished_.store(n, std::memory_order_relaxed);
        n_left_.store(n, std::memory_order_seq_cst);
        if (n_asleep_.load(std::memory_order_seq_cst) > 0) n_left_.notify_all();
        take_chunks();
        for (int spins = 0; n_unfinished_.load(std::memory_order_acquire) > 0; spins++)
            spins < SPINS ? breathe() : std::this_thread::yield();
    }

private:
    static constexpr int STOP = -1;
    static constexpr int SPINS = 4000;  // some 50 microseconds, longer than the gaps within a step

    // Chunks are handed out by counting down. A count that is taken keeps its work from ending, so whatever
    // is read after that belongs to it.
    void take_chunks() {
        int left = n_left_.load(std::memory_order_acquire);
        while (left > 0) {
            if (!n_left_.compare_exchange_weak(left, left - 1, std::memory_order_acq_rel)) continue;
            call_(work_, left - 1);
            n_unfinished_.fetch_sub(1, std::memory_order_release);
            left = n_left_.load(std::memory_order_acquire);
        }
    }

    void help(int index) {
        for (int spins = 0;;) {
            int left = n_left_.load(std::memory_order_acquire);
            if (left == STOP) return;
            if (left > 0 && index < n_threads_.load(std::memory_order_relaxed)) {
                take_chunks();
                spins = 0;
            } else if (spins++ < SPINS) {
                breathe();
            } else {
                n_asleep_.fetch_add(1, std::memory_order_seq_cst);
                n_left_.wait(left, std::memory_order_seq_cst);
                n_asleep_.fetch_sub(1, std::memory_order_relaxed);
                spins = 0;
            }
        }
    }

    std::vector<std::thread> threads_;
    void (*call_)(const void*, int) = nullptr;
    const void* work_ = nullptr;
    std::atomic<int> n_threads_{1};
    alignas(64) std::atomic<int> n_left_{0};
    alignas(64) std::atomic<int> n_unfinished_{0};
    alignas(64) std::atomic<int> n_asleep_{0};
};
