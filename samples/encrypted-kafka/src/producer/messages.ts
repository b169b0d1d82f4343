import type { BurstSettings, Spread } from './config.ts';

/** One message and how long to wait after it. */
export interface PlannedMessage {
  readonly text: string;
  readonly pauseMs: number;
}

/**
 * Messages of the guide's sample, without end: bursts in which `Msg 1: …`, `Msg 2: …` follow one another evenly, and rests
 * between them. Every burst counts from 1.
 * @param random A number from 0 up to, not including, 1.
 */
export function* burstMessages(
  message: string,
  bursts: BurstSettings,
  random: () => number,
): Generator<PlannedMessage> {
  for (;;) {
    const count = Math.max(1, Math.round(drawn(bursts.count, random)));
    const gapMs = drawn(bursts.durationMs, random) / count;
    for (let number = 1; number <= count; number += 1) {
      const pauseMs = number < count ? gapMs : drawn(bursts.restMs, random);
      yield { text: `Msg ${number}: ${message}`, pauseMs: Math.round(pauseMs) };
    }
  }
}

const STEADY_PAUSE_MS = 1000;

/** Messages of the later form of the sample, without end: one a second. */
export function* steadyMessages(message: string): Generator<PlannedMessage> {
  for (let number = 1; ; number += 1) yield { text: `Message Id ${number}: ${message}`, pauseMs: STEADY_PAUSE_MS };
}

function drawn({ mean, deviation }: Spread, random: () => number): number {
  return Math.max(0, mean + deviation * (2 * random() - 1));
}
