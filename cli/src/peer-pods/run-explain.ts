import { mutatePeerPod, peerPodsDefaults } from '@holdfast/admission';
import type { JsonObject } from '@holdfast/admission';
import {
  chooseInstanceSize,
  instanceRequest,
  parseInstanceCatalogue,
  readPeerPodsSettings,
} from '@holdfast/deployment';
import type { ChosenSize, InstanceChoice, InstanceRequest } from '@holdfast/deployment';
import { podTemplates, readManifests } from '@holdfast/policy';

import type { PeerPodsExplainFlags } from '../commands/peer-pods.ts';
import { writeJson } from '../context.ts';
import type { CliContext, CliIo } from '../context.ts';
import { EXIT_FAILED } from '../failure.ts';
import { readText } from '../initdata/read-bytes.ts';
import { line } from '../initdata/render.ts';

interface ExplainedPod {
  readonly kind: string;
  readonly name: string;
  /** Why the webhook does nothing, or refuses. */
  readonly untouched?: string;
  readonly refused?: string;
  readonly request?: InstanceRequest;
  readonly machine?: ChosenSize;
}

/** `holdfast peer-pods explain` */
export async function runExplain(context: CliContext, flags: PeerPodsExplainFlags, path: string): Promise<void> {
  const { io } = context;
  const choice = await readChoice(io, flags);
  const pods = podTemplates(readManifests(await readText(io, path))).map((template): ExplainedPod => {
    const { kind, name = '(no name)' } = template.resource;
    // A template has no kind of its own; what the API server sends has.
    const pod = { apiVersion: 'v1', kind: 'Pod', ...template.pod, spec: template.spec } as unknown as JsonObject;
    return { kind, name, ...explainPod(pod, choice) };
  });
  const failed = pods.some(
    ({ refused, machine }) => refused !== undefined || (machine !== undefined && 'problem' in machine),
  );
  if (failed) context.setExitCode(EXIT_FAILED);
  if (flags.json) writeJson(io, { version: 1, ok: !failed, pods });
  else for (const pod of pods) line(io.stdout, `${pod.kind}/${pod.name}: ${sentence(pod)}`);
}

function explainPod(pod: JsonObject, choice: InstanceChoice | undefined): Omit<ExplainedPod, 'kind' | 'name'> {
  const { runtimeClassName } = pod['spec'] as JsonObject;
  if (runtimeClassName !== peerPodsDefaults.runtimeClass) {
    return { untouched: `not of the runtime class ${peerPodsDefaults.runtimeClass}` };
  }
  const decision = mutatePeerPod(pod, peerPodsDefaults);
  if (!decision.allowed) return { refused: decision.message };
  const metadata = (decision.object['metadata'] ?? {}) as { readonly annotations?: Readonly<Record<string, string>> };
  const request = instanceRequest(metadata.annotations ?? {});
  return { request, ...(choice === undefined ? {} : { machine: chooseInstanceSize(request, choice) }) };
}

async function readChoice(io: CliIo, flags: PeerPodsExplainFlags): Promise<InstanceChoice | undefined> {
  if (flags.settings === undefined) return undefined;
  const { values } = readPeerPodsSettings(await readText(io, flags.settings));
  const listed = values.get('AZURE_INSTANCE_SIZES') ?? '';
  return {
    defaultSize: values.get('AZURE_INSTANCE_SIZE') ?? '',
    sizes: listed === '' ? [] : listed.split(',').map((size) => size.trim()),
    catalogue: flags.catalogue === undefined ? [] : parseInstanceCatalogue(await readText(io, flags.catalogue)),
    asAdaptor: flags.asAdaptor,
  };
}

function sentence({ untouched, refused, request, machine }: ExplainedPod): string {
  if (untouched !== undefined) return `untouched: ${untouched}`;
  if (refused !== undefined) return `refused: ${refused}`;
  const asks = [
    request?.machineType === undefined ? '' : `the size ${request.machineType}`,
    request?.vcpus ? `${request.vcpus} processors` : '',
    request?.memoryMiB ? `${request.memoryMiB} MiB` : '',
    request?.gpus ? `${request.gpus} GPUs` : '',
  ].filter((part) => part !== '');
  const wish = asks.length === 0 ? 'asks for nothing' : `asks for ${asks.join(', ')}`;
  const takes = `${wish}; takes one ${peerPodsDefaults.extendedResource} of a node`;
  if (machine === undefined) return takes;
  return 'problem' in machine
    ? `${takes}; no machine: ${machine.problem}`
    : `${takes}; machine ${machine.size} (${machine.why})`;
}
