/** The program of a map worker: answers one request after the other against the world it was last given. */
import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';

import { InternalError, PlatformError, releaseBytes, RequestError } from '@holdfast/base';
import { OptOutIndex, parseEnvelopePayload } from '@holdfast/uid2';

import { runAtOnce } from '../identity-map/map-answer.ts';
import type { MapAnswer } from '../identity-map/map-answer.ts';
import { mapV2 } from '../identity-map/map-v2.ts';
import { mapV3 } from '../identity-map/map-v3.ts';
import { IdentityMapper } from '../identity-mapper.ts';
import type { MapWorld } from '../identity-mapper.ts';
import { clientError } from '../responses.ts';
import { saltsFromShared } from '../threads/shared-salts.ts';
import type {
  MapWorkerData,
  MessageFromWorker,
  MessageToWorker,
  RequestMessage,
  WorldMessage,
} from './map-messages.ts';

/** One step of "niceness" is about a tenth of processor time. */
const LOWER_PRIORITY = 5;

// On Linux this is about the calling thread only: whoever waits for a small answer goes first when processors are scarce.
if (process.platform === 'linux') setPriority(LOWER_PRIORITY);

const port = parentPort;
const mapper = new IdentityMapper((workerData as MapWorkerData).settings);
let world: MapWorld | undefined;

port?.on('message', (message: MessageToWorker) => {
  switch (message.kind) {
    case 'world':
      world = worldOf(message);
      return;
    case 'forget':
      world = undefined;
      return;
    case 'request':
      answer(message);
  }
});
post({ kind: 'ready' });

function worldOf({ salts, optOuts, environment }: WorldMessage): MapWorld {
  return {
    salts: saltsFromShared(salts),
    optOuts: OptOutIndex.fromData(optOuts),
    environment,
  };
}

function answer(request: RequestMessage): void {
  let answered: MapAnswer;
  try {
    answered = map(request);
  } catch (error) {
    post(failure(error));
    return;
  }
  if (!answered.ok) {
    post({ kind: 'refusal', refusal: answered });
    return;
  }
  const { bytes, counts } = answered;
  const { byKind, rawUidVersions } = counts;
  post({ kind: 'success', bytes, counts: { byKind, rawUidVersions } }, [bytes.buffer]);
}

function map({ version, payload, nowMs }: RequestMessage): MapAnswer {
  const given = world;
  if (given === undefined) throw new InternalError('MAP_WORLD_MISSING', 'a map worker has no salts');
  let parsed: ReturnType<typeof parseEnvelopePayload>;
  try {
    parsed = parseEnvelopePayload(payload);
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    return clientError(error.message);
  }
  releaseBytes(payload);
  const map = version === 'v2' ? mapV2 : mapV3;
  // Requests of services, whose links have to be checked, are not given to workers.
  return runAtOnce(
    map(
      mapper,
      () => given,
      nowMs,
      parsed,
      () => undefined,
    ),
  );
}

function failure(error: unknown): MessageFromWorker {
  const known = error instanceof Error ? error : new Error(String(error));
  return {
    kind: 'failure',
    code: known instanceof PlatformError ? known.code : undefined,
    message: known.message,
    stack: known.stack ?? '',
  };
}

function post(message: MessageFromWorker, handedOver: ArrayBuffer[] = []): void {
  port?.postMessage(message, handedOver);
}
