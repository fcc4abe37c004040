/* Drawing point by point: the next point of each of some sketches and how likely it was, and looking back from it.

   mixture.py, ../fused_ink/pen.py and ../fused_ink/reference.py have the equations and the same with torch. */

#include "../fused_ink/ink.h"

enum { DOWN, UP, END, PEN_STATES };
enum { WEIGHT, MEAN_X, MEAN_Y, LOG_SD_X, LOG_SD_Y, ATANH_RHO, PARTS };
static const float LOG_TWO = 0.69314718056f, SPREAD = 0.3f, SPREAD_SHIFT = -1.0f, MIN_SPREAD = 0.045f;

typedef struct {
    const float *gumbel, *gumbel_pen;
    float logistic, uniform, inverse_temperature;
    const float *normal;
} Noise;

static Noise noise_at(const float *numbers, long mixtures) {
    const float *rest = numbers + mixtures + PEN_STATES;
    return (Noise){numbers, numbers + mixtures, rest[0], rest[1], rest[2], rest + 3};
}

static long argmax_of_sums(const float *first, const float *second, long count) {
    long found = 0;
    for (long j = 1; j < count; j++)
        if (first[j] + second[j] > first[found] + second[found]) found = j;
    return found;
}

/* The logarithm of the sum of exponentials. */
static float log_sum(const float *values, long count) {
    const float most = largest(values, count);
    float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
    for (long j = 0; j < count; j++) sum += exponential(values[j] - most);
    return most + logarithm(sum);
}

static float log_add(float first, float second) {
    const float most = first > second ? first : second, least = first > second ? second : first;
    return most + logarithm(1.0f + exponential(least - most));
}

static void draw_from_component(const float *parts, long mixtures, long chosen, const float *normal, float *offset) {
    const float *part = parts + chosen;
    const float grown = exponential(part[ATANH_RHO * mixtures]), cosine = 0.5f * (grown + 1.0f / grown);
    const float tilted = normal[X] * tanh_of(part[ATANH_RHO * mixtures]) + normal[Y] / cosine;
    offset[X] = part[MEAN_X * mixtures] + exponential(part[LOG_SD_X * mixtures]) * normal[X];
    offset[Y] = part[MEAN_Y * mixtures] + exponential(part[LOG_SD_Y * mixtures]) * tilted;
}

/* The logarithm of the sum over components of weight times density; `terms` is scratch. */
static float log_mixture(const float *parts, long mixtures, const float *offset, float *restrict terms) {
    const float *restrict weight = parts, *restrict mean_x = parts + MEAN_X * mixtures;
    const float *restrict mean_y = parts + MEAN_Y * mixtures, *restrict log_sd_x = parts + LOG_SD_X * mixtures;
    const float *restrict log_sd_y = parts + LOG_SD_Y * mixtures, *restrict atanh_rho = parts + ATANH_RHO * mixtures;
    const float offset_x = offset[X], offset_y = offset[Y];
#pragma omp simd
    for (long j = 0; j < mixtures; j++) {
        float x = (offset_x - mean_x[j]) * exponential(-log_sd_x[j]);
        float y = (offset_y - mean_y[j]) * exponential(-log_sd_y[j]);
        float size = __builtin_fabsf(atanh_rho[j]), shrunk = exponential(-2.0f * size);
        float grown = exponential(atanh_rho[j]), fallen = exponential(-atanh_rho[j]);
        float whitened = 0.5f * (y * (grown + fallen) - x * (grown - fallen));
        float log_cosh = size + logarithm(1.0f + shrunk) - LOG_TWO;
        terms[j] = weight[j] + log_cosh - LOG_TWO_PI - log_sd_x[j] - log_sd_y[j] - 0.5f * (x * x + whitened * whitened);
    }
    return log_sum(terms, mixtures);
}

/* Write `out[j] = factor * sum over c of weights[c] table[j][c]` for keys that were not transposed. */
static void row_products(const float *restrict table, long width, const float *restrict weights, long number,
                         float factor, long count, float *restrict out) {
    for (long j = 0; j < count; j++) {
        const float *restrict numbers = table + j * width;
        float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
        for (long c = 0; c < number; c++) sum += weights[c] * numbers[c];
        out[j] = factor * sum;
    }
}

/* Add `out[c] += factor * sum over j of table[j][c] weights[j]` for values that were not transposed. */
static void row_sums(const float *restrict table, long width, const float *restrict weights, long number, float factor,
                     long count, float *restrict out) {
    for (long j = 0; j < count; j++) {
        const float scaled = factor * weights[j];
        const float *restrict numbers = table + j * width;
#pragma omp simd
        for (long c = 0; c < number; c++) out[c] += scaled * numbers[c];
    }
}

static void anchor_scores(const Sizes *s, const float *query, const float *table, const float *place,
                          const float *seen, long step, long count, float *scores) {
    const float scale = 1.0f / __builtin_sqrtf((float)s->key), *keys = table + 2 * s->heads * s->key;
    for (long kind = 0; kind < KINDS; kind++) {
        const float *q = query + kind * (s->key + GEOMETRY);
        row_products(keys + kind * s->key, width_of(s), q, s->key, scale, count, scores + kind * step);
        add_columns(seen, step, q + s->key, GEOMETRY, 1.0f, count, scores + kind * step);
    }
    without_empty_segments(place, step, count, scores);
}

/* Draw from the anchor at which the running sum of the weights passes `uniform`, by two normal numbers along and across
   it. Scores are multiplied by `inverse_temperature`; `weights` is scratch. */
static void draw_from_anchors(const float *place, long step, const float *scores, long count, const float *pen,
                              float spread, Noise noise, float *weights, float *offset) {
    const float most = largest_of_kinds(scores, step, count);
    float total = 0.0f;
    for (long kind = 0; kind < KINDS; kind++) {
        float *restrict some = weights + kind * step;
        const float *restrict scored = scores + kind * step;
#pragma omp simd
        for (long j = 0; j < count; j++) some[j] = (scored[j] - most) * noise.inverse_temperature;
        total += exponentials(some, 0.0f, count);
    }
    const float goal = noise.uniform * total;
    long kind = 0, chosen = 0;
    float sum = weights[0];
    while (sum <= goal && (kind < KINDS - 1 || chosen < count - 1)) {
        if (++chosen == count) chosen = 0, kind++;
        sum += weights[kind * step + chosen];
    }
    const float half_x = kind ? 0.5f * place[REACH_X * step + chosen] : 0.0f;
    const float half_y = kind ? 0.5f * place[REACH_Y * step + chosen] : 0.0f;
    const float half = __builtin_sqrtf(half_x * half_x + half_y * half_y);
    const float way_x = half > 0.0f ? half_x / half : 1.0f, way_y = half > 0.0f ? half_y / half : 0.0f;
    const float along = noise.normal[X] * __builtin_sqrtf(spread * spread + SPAN * SPAN * half * half);
    const float across = noise.normal[Y] * spread;
    offset[X] = place[chosen] - half_x - pen[X] + way_x * along - way_y * across;
    offset[Y] = place[step + chosen] - half_y - pen[Y] + way_y * along + way_x * across;
}

/* Floats of scratch that either function wants. */
long scratch_floats(long mixtures, long points) {
    return padded(mixtures) + padded(points) * (PLACE + GEOMETRY + 2 * KINDS);
}

/* outputs: [sketches, PEN_STATES + PARTS mixtures], and where there are points one more, the logit of all anchors;
   further: [sketches, 1 + KINDS (key + GEOMETRY)], the anchors' width and what weighs them; both with floats from those of
   one sketch to the next. drawn: [sketches, 5], stroke-5. nats: [sketches], of the pen's state, and of the offset where
   the sketch does not end. */
void draw_points(long sketches, long mixtures, long output_stride, long further_stride, long points, long heads, long key,
                 long stride, const int64_t *slots, const float *outputs, const float *noise, const float *further,
                 const float *table, const float *pen, const float *row, float *drawn, float *nats, float *scratch) {
    const Sizes s = {sketches, 1, points, heads, key, stride};
    const long width = width_of(&s), step = padded(points);
    float *terms = scratch, *place = terms + padded(mixtures), *seen = place + PLACE * step;
    float *scores = seen + GEOMETRY * step, *density = scores + KINDS * step;
    for (long b = 0; b < sketches; b++) {
        const float *states = outputs + b * output_stride, *parts = states + PEN_STATES;
        const Noise own_noise = noise_at(noise + b * (mixtures + PEN_STATES + 5), mixtures);
        const long count = points ? (long)row[b] + 1 : 0;
        float *point = drawn + b * 5, weight = log_sum(parts, mixtures), anchors = 0.0f, spread = 0.0f;
        draw_from_component(parts, mixtures, argmax_of_sums(parts, own_noise.gumbel, mixtures), own_noise.normal, point);
        if (points) {
            const float *own = table + (slots ? slots[b] : b) * stride, *own_further = further + b * further_stride;
            spread = logarithm(1.0f + exponential(own_further[0] + SPREAD_SHIFT)) * SPREAD + MIN_SPREAD;
            transpose(own, count, width, width - PLACE, width, place, step);
            see(place, step, pen + b * PLACE, row[b], count, seen);
            anchor_scores(&s, own_further + 1, own, place, seen, step, count, scores);
            anchors = parts[PARTS * mixtures];
            if (anchors - weight + own_noise.logistic > 0.0f)
                draw_from_anchors(place, step, scores, count, pen + b * PLACE, spread, own_noise, density, point);
        }
        const long state = argmax_of_sums(states, own_noise.gumbel_pen, PEN_STATES);
        for (long j = 0; j < PEN_STATES; j++) point[2 + j] = j == state ? 1.0f : 0.0f;
        nats[b] = states[state] - log_sum(states, PEN_STATES);
        if (state == END) continue;
        float offset = log_mixture(parts, mixtures, point, terms);
        if (points) {
            const float target[] = {pen[b * PLACE + X] + point[X], pen[b * PLACE + Y] + point[Y]};
            offset = log_add(offset, anchors + log_anchors(place, step, scores, count, target, spread, density, 0));
            weight = log_add(weight, anchors);
        }
        nats[b] += offset - weight;
    }
}

/* looked: [sketches, heads (key + GEOMETRY) + width of a table's row - PLACE], the queries and what is kept of the row.
   put: [sketches, 5], the row, and lifted: [sketches], 1 where the pen was in the air before it. The row is written into
   each sketch's table; moved, moved_row: the pen after it. context: [sketches, heads, key + GEOMETRY], what is found. */
void advance(long sketches, long points, long heads, long key, long stride, const int64_t *slots, const float *looked,
             float *table, const float *pen, const float *row, const float *put, const float *lifted, float *moved,
             float *moved_row, float *context, float *scratch) {
    const Sizes s = {sketches, 1, points, heads, key, stride};
    const long width = width_of(&s), step = padded(points), part = key + GEOMETRY, kept = width - PLACE;
    const float scale = 1.0f / __builtin_sqrtf((float)key);
    float *place = scratch, *seen = place + PLACE * step, *weights = seen + GEOMETRY * step;
    for (long b = 0; b < sketches; b++) {
        const float *query = looked + b * (heads * part + kept), *before = pen + b * PLACE;
        const float begins = lifted[b], x = put[b * 5], y = put[b * 5 + 1];
        const float now[PLACE] = {before[X] + x, before[Y] + y, x * (1.0f - begins), y * (1.0f - begins), begins,
                                  before[STROKE] + begins};
        const long count = (long)row[b] + 2;
        float *own = table + slots[b] * stride, *newest = own + (count - 1) * width;
        memcpy(newest, query + heads * part, (size_t)kept * sizeof *newest);
        memcpy(newest + kept, now, sizeof now);
        memcpy(moved + b * PLACE, now, sizeof now);
        moved_row[b] = row[b] + 1.0f;
        transpose(own, count, width, kept, width, place, step);
        see(place, step, now, moved_row[b], count, seen);
        for (long h = 0; h < heads; h++) {
            const float *q = query + h * part;
            float *found = context + (b * heads + h) * part;
            row_products(own + h * key, width, q, key, scale, count, weights);
            add_columns(seen, step, q + key, GEOMETRY, 1.0f, count, weights);
            const float sum = exponentials(weights, largest(weights, count), count);
            memset(found, 0, (size_t)part * sizeof *found);
            row_sums(own + (heads + h) * key, width, weights, key, 1.0f / sum, count, found);
            add_products(seen, step, weights, GEOMETRY, 1.0f / sum, count, found + key);
        }
    }
}
