import { setTimeout } from 'node:timers/promises';

import type { Sleep } from '@holdfast/deployment';

export const sleep: Sleep = async (ms, signal) => {
  try {
    await setTimeout(ms, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    throw signal?.aborted === true ? signal.reason : error;
  }
};
