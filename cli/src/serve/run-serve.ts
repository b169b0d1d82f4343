import { RequestError } from '@holdfast/base';
import { createLogger, runService } from '@holdfast/process';
import type { ExitCodes, StartService } from '@holdfast/process';

import type { ServeFlags, ServiceName } from '../commands/serve.ts';
import type { CliContext, CliIo } from '../context.ts';

interface Service {
  readonly name: string;
  readonly start: StartService;
  readonly exitCodes: ExitCodes;
}

const SERVICES: Readonly<Record<ServiceName, () => Promise<{ readonly service: Service }>>> = {
  operator: () => import('@holdfast/operator'),
  core: () => import('@holdfast/core'),
  optout: () => import('@holdfast/optout'),
  attestation: () => import('@holdfast/attestation-service'),
  skr: () => import('@holdfast/skr'),
  webhook: () => import('@holdfast/webhook'),
  'pod-identity': () => import('@holdfast/pod-identity'),
  'pod-identity-controller': async () => ({ service: (await import('@holdfast/pod-identity')).controllerService }),
  'identity-proxy': async () => ({ service: (await import('@holdfast/pod-identity')).workloadProxyService }),
  'secrets-store': () => import('@holdfast/secrets-store'),
  vote: () => import('@holdfast/vote'),
  trustee: () => import('@holdfast/trustee'),
  'encrypted-kafka-consumer': async () => ({ service: (await import('@holdfast/encrypted-kafka')).consumerService }),
  'encrypted-kafka-producer': async () => ({ service: (await import('@holdfast/encrypted-kafka')).producerService }),
};

/** `holdfast serve SERVICE`: runs it until it is told to stop or fails, and exits with the service's code. */
export async function runServe(context: CliContext, flags: ServeFlags, name: ServiceName): Promise<void> {
  const { service } = await load(name);
  const stop = new AbortController();
  const release = context.io.onStopRequest(() => stop.abort());
  // A container's arguments are its image's; whoever starts it says this in the environment.
  const untilStdinCloses = flags.untilStdinCloses || context.io.env['HOLDFAST_UNTIL_STDIN_CLOSES'] === '1';
  if (untilStdinCloses) void stopAtEndOfInput(context.io, stop);
  const exitCode = await runService({
    name: service.name,
    start: service.start,
    exitCodes: service.exitCodes,
    logger: createLogger({ name: service.name }),
    env: context.io.env,
    stopSignal: stop.signal,
    ...(flags.config === undefined ? {} : { configFile: flags.config }),
  });
  release();
  context.setExitCode(exitCode);
}

async function load(name: ServiceName): Promise<{ readonly service: Service }> {
  try {
    return await SERVICES[name]();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new RequestError('SERVICE_NOT_IN_IMAGE', `this program holds no service ${name}`, {
      cause: error,
      action: 'Run it in its own image; in a clone of the repository, run npm ci first.',
    });
  }
}

async function stopAtEndOfInput(io: CliIo, stop: AbortController): Promise<void> {
  try {
    for await (const _chunk of io.stdin); // nothing is said here; only the end counts
  } catch {
    // A broken pipe is an end too.
  }
  stop.abort();
}
