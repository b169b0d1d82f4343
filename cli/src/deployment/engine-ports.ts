import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

import type { EngineEvent, EnginePorts } from '@holdfast/deployment';

import type { Target } from './connect-azure.ts';
import { createFileState } from './file-state.ts';

/** A cloud, and the time that passes in it; that of the machine when it says nothing. */
export type TimedTarget = Target & Partial<Pick<EnginePorts, 'clock' | 'sleep'>>;

/** The ports of the engine for a cloud; journals, plans and receipts are kept in `home`. */
export function enginePorts(target: TimedTarget, home: string, onEvent: (event: EngineEvent) => void): EnginePorts {
  const { arm, vault, http, openCluster } = target;
  return {
    arm,
    vault,
    http,
    openCluster,
    state: createFileState(join(home, 'deployments')),
    clock: target.clock ?? Date.now,
    sleep: target.sleep ?? sleep,
    randomBytes: (length) => randomBytes(length),
    onEvent,
  };
}

const sleep: EnginePorts['sleep'] = async (ms, signal) => {
  try {
    await setTimeout(ms, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    throw signal?.aborted === true ? signal.reason : error;
  }
};
