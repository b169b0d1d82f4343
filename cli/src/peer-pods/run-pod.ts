import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { fromUtf8, RequestError, toBase64, toHex } from '@holdfast/base';
import { encodeInitdata, recogniseInitdata } from '@holdfast/initdata';
import { homeLayout, isSealed, openSimulatedPlatform, startPeerPod } from '@holdfast/local';
import type { OpenedPlatform, RunningPeerPod, StartPeerPodOptions } from '@holdfast/local';
import { writeFileAtomic } from '@holdfast/process';

import type { PeerPodsRunFlags } from '../commands/peer-pods.ts';
import { writeJson } from '../context.ts';
import type { CliContext, CliIo } from '../context.ts';
import { line } from '../initdata/render.ts';
import { readBytes } from '../initdata/read-bytes.ts';
import { homeFolder } from '../home-folder.ts';
import { fileFlagProblem, describeStep, referenceLines } from './render-pod.ts';

const API_PORT = 8006;
const PRIVATE = 0o600;

/** `holdfast peer-pods run` */
export async function runPod(context: CliContext, flags: PeerPodsRunFlags, path: string): Promise<void> {
  const { io } = context;
  if (flags.output !== undefined && flags.once === undefined) throw fileFlagProblem();
  const stopped = Promise.withResolvers<void>();
  const release = io.onStopRequest(() => stopped.resolve());
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-peer-pod-'));
  let pod: RunningPeerPod | undefined;
  try {
    const hardware = flags.platform === 'sample' ? undefined : await openHardware(io, flags);
    pod = await startPeerPod(await options(io, flags, { path, folder, hardware }));
    if (flags.once === undefined) {
      showStarted(io, flags, pod, hardware);
      await stopped.promise;
    } else {
      await fetchOnce(io, flags, pod, flags.once);
    }
  } finally {
    await pod?.stop();
    await rm(folder, { recursive: true, force: true });
    release();
  }
}

async function openHardware(io: CliIo, flags: PeerPodsRunFlags): Promise<OpenedPlatform> {
  const home = homeLayout(homeFolder(io, flags.home));
  const opened = await openSimulatedPlatform(resolve(home.platformFile, '..'), {
    clock: Date.now,
    randomBytes: random,
  });
  if (opened.created) line(io.stderr, `made simulated hardware; a key broker trusts it by ${opened.rootFile}`);
  return opened;
}

function random(length: number): Uint8Array {
  return new Uint8Array(randomBytes(length));
}

async function options(
  io: CliIo,
  flags: PeerPodsRunFlags,
  {
    path,
    folder,
    hardware,
  }: { readonly path: string; readonly folder: string; readonly hardware?: OpenedPlatform | undefined },
): Promise<StartPeerPodOptions> {
  const watched: Pick<StartPeerPodOptions, 'onStep' | 'onFailure'> = flags.json
    ? {}
    : {
        onStep: (component, step) => line(io.stderr, describeStep(component, step)),
        onFailure: (url, error) => line(io.stderr, `${url}: ${error.message} [${error.code}]`),
      };
  return {
    pod: await readBytes(io, path),
    ...(flags.initdata === undefined ? {} : { initdata: await globalInitdata(io, flags.initdata) }),
    platform: flags.platform,
    ...(hardware === undefined ? {} : { simulatedPlatform: hardware.platform }),
    ...(flags.kbs === undefined ? {} : { kbsUrl: flags.kbs }),
    port: flags.port ?? (flags.once === undefined ? API_PORT : 0),
    folder,
    clock: Date.now,
    ...watched,
  };
}

async function globalInitdata(io: CliIo, file: string): Promise<string> {
  return encodeInitdata(recogniseInitdata(await readBytes(io, file)).document);
}

async function fetchOnce(io: CliIo, flags: PeerPodsRunFlags, pod: RunningPeerPod, wanted: string): Promise<void> {
  const bytes = isSealed(wanted) ? await pod.hub.unseal(wanted) : await pod.hub.getResource(wanted);
  // A sealed secret is long and says nothing to people.
  const name = isSealed(wanted) ? 'sealed secret' : wanted;
  if (flags.output !== undefined) {
    const file = resolve(io.cwd, flags.output);
    await writeOutput(file, bytes);
    if (flags.json) writeJson(io, { version: 1, resource: name, bytes: bytes.length, file });
    else line(io.stderr, `${name}: ${bytes.length} bytes, in ${file}`);
  } else if (flags.json) {
    writeJson(io, { version: 1, resource: name, bytes: bytes.length, content: toBase64(bytes) });
  } else {
    io.stdout.write(textOf(bytes));
  }
}

function textOf(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes);
  } catch {
    throw new RequestError('PEER_POD_RESOURCE_BINARY', `the resource has ${bytes.length} bytes that are no text`, {
      action: 'Name a file for it with --output, or take --json.',
    });
  }
}

async function writeOutput(file: string, bytes: Uint8Array): Promise<void> {
  try {
    await writeFileAtomic(file, bytes, { mode: PRIVATE });
  } catch (cause) {
    throw new RequestError('PEER_POD_OUTPUT_UNWRITABLE', `cannot write ${file}`, {
      cause,
      action: 'Check the path and the permissions of its folder.',
    });
  }
}

function showStarted(
  io: CliIo,
  flags: PeerPodsRunFlags,
  { url, pod, config, machine, policy, containers }: RunningPeerPod,
  hardware: OpenedPlatform | undefined,
): void {
  const { initdata, measurements } = config;
  const unsealed = containers.map(({ name, unsealed: names }) => ({ name, unsealed: names }));
  if (flags.json) {
    writeJson(io, {
      version: 1,
      url,
      pod: { name: pod.name, namespace: pod.namespace, containers: unsealed },
      tee: machine.tee,
      initdata: {
        source: initdata.source,
        algorithm: measurements.algorithm,
        digest: toHex(measurements.digest),
        measured: machine.measured ?? null,
      },
      policy: policy.kind,
      referenceValues: machine.referenceValues,
      hardware: hardware === undefined ? null : { rootFile: hardware.rootFile, issuersFile: hardware.issuersFile },
    });
    return;
  }
  for (const reason of initdata.reasons) line(io.stderr, reason);
  line(io.stdout, `pod         ${pod.namespace}/${pod.name}`);
  line(io.stdout, `interface   ${url}`);
  line(io.stdout, `evidence    ${machine.tee}`);
  line(io.stdout, `initdata    ${measurements.algorithm} ${toHex(measurements.digest)} (${initdata.source})`);
  if (machine.measured !== undefined)
    line(io.stdout, `${machine.measured.register.padEnd(11)} ${machine.measured.value}`);
  line(io.stdout, `policy      ${policy.kind}`);
  for (const { name, unsealed: names } of unsealed) {
    line(io.stdout, `container   ${name}${names.length === 0 ? '' : `, unsealed: ${names.join(', ')}`}`);
  }
  for (const text of referenceLines(machine.referenceValues)) line(io.stdout, text);
  line(io.stderr, 'Ctrl-C stops the pod.');
}
