import { connect } from 'node:net';

import { PlatformError } from '@holdfast/base';

import { readLocalCloud } from '../deployment/local-target.ts';

const CONNECT_DEADLINE_MS = 5_000;

/**
 * The process of the local cloud that runs in `home`; undefined when none does, also when that of a cloud which was cut off is gone and
 * another has its number: then nobody listens.
 * @throws MalformedError LOCAL_CLOUD_UNREADABLE
 */
export async function runningCloud(home: string): Promise<number | undefined> {
  try {
    const { pid, armUrl } = await readLocalCloud(home);
    return (await isListening(new URL(armUrl))) ? pid : undefined;
  } catch (error) {
    if (error instanceof PlatformError && error.code === 'LOCAL_CLOUD_ABSENT') return undefined;
    throw error;
  }
}

function isListening({ hostname, port }: URL): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port) });
    const answer = (listening: boolean) => (): void => {
      socket.destroy();
      resolve(listening);
    };
    socket.setTimeout(CONNECT_DEADLINE_MS, answer(false));
    socket.once('connect', answer(true));
    socket.once('error', answer(false));
  });
}
