/* One time step of an LSTM over `rows` sequences, forward and backward, in one pass over its numbers.

   The equations, the order of the gates (i, f, s, o with g = 2 s - 1) and the same arithmetic with torch stand in
   cell.py. Products come and go as float or as bfloat16; everything is computed in float. */

#include <stdint.h>
#include <string.h>

#include "../exponential.h"

typedef uint16_t bfloat16;

static inline float load_float(const float *at) { return *at; }

static inline void store_float(float *at, float value) { *at = value; }

static inline float load_bfloat16(const bfloat16 *at) {
    uint32_t bits = (uint32_t)*at << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Round to the nearest, halves to even; a NaN stays a NaN. */
static inline void store_bfloat16(bfloat16 *at, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    *at = (bfloat16)(value == value ? rounded : 0x7fc0u);
}

static inline float sigmoid(float x) { return 1.0f / (1.0f + exponential(-x)); }

#define FORWARD(type)                                                                                                  \
    void forward_##type(long rows, long size, const type *restrict product, const float *restrict static_gates,        \
                        const float *restrict cell_prev, float *restrict gates, float *restrict cell,                  \
                        float *restrict tanh_cell, float *restrict hidden) {                                           \
        for (long row = 0; row < rows; row++) {                                                                        \
            const float *i = gates, *f = gates + size, *s = gates + 2 * size, *o = gates + 3 * size;                   \
            for (long k = 0; k < 4 * size; k++)                                                                        \
                gates[k] = sigmoid(load_##type(product + k) + static_gates[k]);                                        \
            for (long k = 0; k < size; k++) {                                                                          \
                cell[k] = f[k] * cell_prev[k] + i[k] * (2.0f * s[k] - 1.0f);                                           \
                tanh_cell[k] = 2.0f * sigmoid(2.0f * cell[k]) - 1.0f;                                                  \
                hidden[k] = o[k] * tanh_cell[k];                                                                       \
            }                                                                                                          \
            product += 4 * size, static_gates += 4 * size, gates += 4 * size;                                          \
            cell_prev += size, cell += size, tanh_cell += size, hidden += size;                                        \
        }                                                                                                              \
    }

/* One row backward. Each part of a row has a pointer of its own, so that the compiler knows that they do not overlap:
   d_* are gradients of the gates' inputs as they are written out, sum_* the same summed over time steps in float. */
#define BACKWARD_ROW(type)                                                                                             \
    static inline void backward_row_##type(                                                                            \
        long size, const float *restrict i, const float *restrict f, const float *restrict s, const float *restrict o, \
        const float *restrict tanh_cell, const float *restrict cell_prev, const float *restrict d_outputs,             \
        const float *restrict d_hidden, float *restrict d_cell, float *restrict sum_i, float *restrict sum_f,          \
        float *restrict sum_g, float *restrict sum_o, type *restrict d_i, type *restrict d_f, type *restrict d_g,      \
        type *restrict d_o) {                                                                                          \
        for (long k = 0; k < size; k++) {                                                                              \
            float dh = d_hidden[k] + d_outputs[k];                                                                     \
            float dc = d_cell[k] + dh * o[k] * (1.0f - tanh_cell[k] * tanh_cell[k]);                                   \
            float di = dc * (2.0f * s[k] - 1.0f) * i[k] * (1.0f - i[k]);                                               \
            float df = dc * cell_prev[k] * f[k] * (1.0f - f[k]);                                                       \
            float dg = 2.0f * dc * i[k] * s[k] * (1.0f - s[k]);                                                        \
            float d_out = dh * tanh_cell[k] * o[k] * (1.0f - o[k]);                                                    \
            d_cell[k] = dc * f[k];                                                                                     \
            sum_i[k] += di;                                                                                            \
            sum_f[k] += df;                                                                                            \
            sum_g[k] += dg;                                                                                            \
            sum_o[k] += d_out;                                                                                         \
            store_##type(d_i + k, di);                                                                                 \
            store_##type(d_f + k, df);                                                                                 \
            store_##type(d_g + k, dg);                                                                                 \
            store_##type(d_o + k, d_out);                                                                              \
        }                                                                                                              \
    }

/* `stride` is between rows of `d_outputs`; `d_hidden` is what the next time step sends back. */
#define BACKWARD(type)                                                                                                 \
    BACKWARD_ROW(type)                                                                                                 \
    void backward_##type(long rows, long size, const float *gates, const float *tanh_cell, const float *cell_prev,     \
                         const float *d_outputs, long stride, const float *d_hidden, float *d_cell,                    \
                         float *d_static_gates, type *d_gates) {                                                       \
        for (long row = 0; row < rows; row++) {                                                                        \
            const float *gate = gates + row * 4 * size;                                                                \
            float *sum = d_static_gates + row * 4 * size;                                                              \
            type *out = d_gates + row * 4 * size;                                                                      \
            backward_row_##type(size, gate, gate + size, gate + 2 * size, gate + 3 * size, tanh_cell + row * size,     \
                                cell_prev + row * size, d_outputs + row * stride, d_hidden + row * size,               \
                                d_cell + row * size, sum, sum + size, sum + 2 * size, sum + 3 * size, out, out + size, \
                                out + 2 * size, out + 3 * size);                                                       \
        }                                                                                                              \
    }

FORWARD(float)
FORWARD(bfloat16)
BACKWARD(float)
BACKWARD(bfloat16)
