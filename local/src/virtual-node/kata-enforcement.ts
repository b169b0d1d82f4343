import { createHash } from 'node:crypto';

import { createKataEnforcer, defaultKataSettings, explainKataDecision, predictKataRequests } from '@holdfast/policy';
import type { ImageFacts, KataDecision, KataEnforcer, KataPolicyData, KataRequest } from '@holdfast/policy';

import type { LocalImage } from '../images/build-local-image.ts';
import type {
  AdmittedContainer,
  ContainerRequest,
  GuestAnswer,
  GuestEnforcement,
  GuestRefusal,
} from './guest-enforcement.ts';
import { generateKataPod } from './kata-pod.ts';
import { measureImage } from './mounted-image.ts';
import { containerId, variablesOf } from './request-values.ts';

export interface KataEnforcementOptions {
  /** Text of the policy. */
  readonly policy: string;
  /** The pod and what it takes values from, as a manifest stream: what the runtime makes its requests of. */
  readonly resources: string;
  /** All images of the pod. */
  readonly images: readonly LocalImage[];
  /** Folder for unpacked images. */
  readonly imagesFolder: string;
  readonly podName: string;
  readonly namespace: string;
}

/** The members of a CreateContainerRequest that are used here. */
interface CreateContainerInput {
  readonly OCI: {
    readonly Process: { readonly Args: readonly string[]; readonly Env: readonly string[] };
    readonly Mounts: readonly { readonly source: string }[];
    readonly Annotations: Readonly<Record<string, string>>;
  };
}

const CONTAINER_NAME = 'io.kubernetes.cri.container-name';
const SHARED_FILES = '/run/kata-containers/shared/containers/';
const LOOPBACK = '127.0.0.1';

/**
 * The agent of a Kata guest: asks the pod's policy about every request, in the order in which the runtime of a confidential
 * node sends them. What the runtime would ask for is derived from the manifest that runs and from the root hashes of the
 * layers as their bytes are now; the policy has no part in it. The sandbox's own image is the platform's and is taken as
 * what it claims to be.
 * @throws MalformedError KATA_POLICY_MALFORMED, UnsupportedError KATA_RULES_UNKNOWN for a policy that cannot be evaluated
 */
export class KataEnforcement implements GuestEnforcement {
  readonly #options: KataEnforcementOptions;
  readonly #enforcer: KataEnforcer;
  readonly #sandboxId: string;
  readonly #requests = new Map<string, CreateContainerInput>();
  #lives = 0;

  constructor(options: KataEnforcementOptions) {
    this.#options = options;
    this.#enforcer = createKataEnforcer(options.policy);
    this.#sandboxId = containerId(options.podName, 'sandbox', 0);
  }

  async startSandbox(): Promise<GuestAnswer<true>> {
    const { podName } = this.#options;
    const { storages } = defaultKataSettings('ms').sandbox;
    const [pause] = this.#requestsOf(await this.#expected(), this.#sandboxId, []);
    if (pause === undefined) throw new RangeError('a pod has a container of its own');
    const sandbox = { hostname: podName, storages, sandbox_id: this.#sandboxId };
    const refused =
      this.#ask('CreateSandboxRequest', sandbox) ??
      this.#ask('UpdateInterfaceRequest', { interface: { name: 'eth0', device: 'eth0' } }) ??
      this.#ask('UpdateRoutesRequest', { routes: { Routes: [] } }) ??
      this.#create(pause, this.#sandboxId);
    return refused === undefined ? { admitted: true } : { refused };
  }

  async admit({ declaration, image, platformVariables }: ContainerRequest): Promise<GuestAnswer<AdmittedContainer>> {
    const measured = await measureImage(image, 'tarfs', this.#options.imagesFolder);
    const layers = image.facts.layers.map((layer, index) => ({
      ...layer,
      rootHashTarfs: measured.rootHashes[index] ?? '',
    }));
    this.#lives += 1;
    const id = containerId(this.#options.podName, declaration.name, this.#lives);
    const added = Object.entries(platformVariables).filter(([name]) => name !== 'HOSTNAME');
    const requests = this.#requestsOf(
      await this.#expected({ ...image.facts, layers }),
      id,
      added.map(([name, value]) => `${name}=${value}`),
    );
    const request = requests.find(({ input }) => nameOf(input) === declaration.name);
    if (request === undefined) throw new RangeError(`the pod has no container ${declaration.name}`);
    const refused = this.#create(request, id);
    if (refused !== undefined) return { refused };
    const input = request.input as CreateContainerInput;
    this.#requests.set(id, input);
    const { Args: command, Env: variables } = input.OCI.Process;
    return {
      admitted: {
        id,
        root: measured.root,
        command,
        environment: variablesOf(variables),
        droppedVariables: [],
        outputReadable: this.#ask('ReadStreamRequest', { container_id: id, exec_id: id }) === undefined,
      },
    };
  }

  admitExec(admitted: AdmittedContainer, command: readonly string[]): GuestAnswer<Readonly<Record<string, string>>> {
    const process = this.#requests.get(admitted.id)?.OCI.Process;
    const refused = this.#ask('ExecProcessRequest', {
      container_id: admitted.id,
      exec_id: admitted.id,
      process: { ...process, Args: command, Capabilities: null },
    });
    return refused === undefined ? { admitted: admitted.environment } : { refused };
  }

  admitSignal(admitted: AdmittedContainer, signal: number): GuestAnswer<true> {
    const refused = this.#ask('SignalProcessRequest', { container_id: admitted.id, exec_id: admitted.id, signal });
    return refused === undefined ? { admitted: true } : { refused };
  }

  ended(admitted: AdmittedContainer): void {
    this.#requests.delete(admitted.id);
    this.#ask('RemoveContainerRequest', { container_id: admitted.id });
  }

  /** What the runtime expects of a guest for this pod, in the shape of a policy. */
  async #expected(measured?: ImageFacts): Promise<KataPolicyData> {
    const others = this.#options.images.map(({ facts }) => facts);
    const images = measured === undefined ? others : [measured, ...others];
    return (await generateKataPod(this.#options.resources, images, { lenient: true })).policyData;
  }

  #requestsOf(expected: KataPolicyData, id: string, extraVariables: readonly string[]): readonly KataRequest[] {
    const { podName, namespace } = this.#options;
    return predictKataRequests(expected, 'ms', {
      podName,
      namespace,
      podUid: uuidOf(`${namespace}/${podName}`),
      podIp: LOOPBACK,
      hostIp: LOOPBACK,
      nodeName: 'virtual-node',
      sandboxId: this.#sandboxId,
      bundleIds: expected.containers.map(() => id),
      extraVariables,
    });
  }

  /** The files that the runtime shares with a container, the container, and its start. */
  #create({ type, input }: KataRequest, id: string): GuestRefusal | undefined {
    const { Mounts } = (input as CreateContainerInput).OCI;
    for (const { source } of Mounts) {
      const refused = source.startsWith(SHARED_FILES) ? this.#ask('CopyFileRequest', { path: source }) : undefined;
      if (refused !== undefined) return refused;
    }
    return this.#ask(type, input) ?? this.#ask('StartContainerRequest', { container_id: id });
  }

  #ask(type: string, input: unknown): GuestRefusal | undefined {
    const decision = this.#enforcer.enforce({ type, input });
    return decision.allowed ? undefined : refusalOf(decision);
  }
}

function nameOf(input: unknown): string | undefined {
  return (input as CreateContainerInput).OCI.Annotations[CONTAINER_NAME];
}

/** The agent says no more than which request it was; why is worked out here. */
function refusalOf(decision: KataDecision): GuestRefusal {
  const { summary, containers, suggestions } = explainKataDecision(decision);
  const section = (title: string, lines: readonly string[]): readonly string[] =>
    lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  ${line}`)];
  const explanation = [
    summary,
    ...section(
      'Also:',
      decision.causes.slice(1).map(({ message }) => `- ${message}`),
    ),
    ...section(
      'What to do:',
      suggestions.map((suggestion, index) => `${index + 1}. ${suggestion}`),
    ),
    ...section(
      'Rules that do not hold:',
      containers.map(({ container, name, failing }) => `container ${container} (${name}): ${failing.join(', ')}`),
    ),
  ].join('\n');
  const message = `failed to create shim task: "${decision.request} is blocked by policy": unknown`;
  return { message: decision.request === 'CreateContainerRequest' ? message : blocked(decision), explanation };
}

function blocked({ request }: KataDecision): string {
  return `rpc error: code = PermissionDenied desc = "${request} is blocked by policy"`;
}

function uuidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}
