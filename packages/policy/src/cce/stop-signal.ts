import type { CceGeneration } from './data/generations.ts';
import { signalNumbers } from './data/signal-numbers.ts';
import type { Warn } from './policy-model.ts';

export interface StopSignalOptions {
  readonly generation: CceGeneration;
  /** Leave a number that is written as text untranslated, as the reference generator does. */
  readonly compatible: boolean;
  readonly container: string;
  readonly warn: Warn;
}

/**
 * Signals that the host may send to a container's first process: those of the generation and the image's stop signal.
 */
export function containerSignals(
  stopSignal: string | null | undefined,
  { generation, compatible, container, warn }: StopSignalOptions,
): (number | string)[] {
  if (!stopSignal) return [...generation.signals];
  const found = signalOf(stopSignal, compatible);
  if (found === undefined) {
    warn('CCE-SIGNAL-UNKNOWN', `the image's stop signal ${stopSignal} is not known and was left out`, container);
    return [...generation.signals];
  }
  if (typeof found === 'string' || /^[0-9]+$/.test(stopSignal)) {
    warn(
      'CCE-SIGNAL-TEXT',
      `the image's stop signal is the text ${stopSignal}; the reference generator copies it as text`,
      container,
    );
  }
  if (generation.stopSignal === 'replace') return [found];
  return generation.signals.some((signal) => signal === found)
    ? [...generation.signals]
    : [...generation.signals, found];
}

function signalOf(stopSignal: string, compatible: boolean): number | string | undefined {
  if (/^[0-9]{1,3}$/.test(stopSignal)) return compatible ? stopSignal : Number(stopSignal);
  const name = stopSignal.toUpperCase();
  return signalNumbers.get(name) ?? signalNumbers.get(`SIG${name}`);
}
