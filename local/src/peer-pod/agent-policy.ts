import { PlatformError, PolicyError } from '@holdfast/base';
import { createKataEnforcer, createRegoEngine, parseRegoModule } from '@holdfast/policy';
import type { RegoEngine, RegoJson } from '@holdfast/policy';

import type { PeerPodContainer, PeerPodManifest } from './pod-manifest.ts';

/** How the policy of a guest was judged. */
export type AgentPolicyKind =
  /** There is none in the initdata: that of the machine's image, which allows everything. */
  | 'image-default'
  /** Every request is put to its rules. */
  | 'evaluated'
  /** It was generated for the layers of images, which are not at hand: `holdfast policy verify` judges those. */
  | 'generated';

/** The policy that the Kata agent of a guest asks about requests. */
export interface AgentPolicy {
  readonly kind: AgentPolicyKind;
  /**
   * Whether a request such as `ExecProcessRequest` is allowed; undefined where a generated policy would have to know the
   * images to say so.
   */
  allows(request: string, input: RegoJson): boolean | undefined;
}

const MODULE = 'data.agent_policy';
const IMAGE_DEFAULT: AgentPolicy = { kind: 'image-default', allows: () => true };

/**
 * Reads `policy.rego` of initdata.
 * @throws MalformedError REGO_SYNTAX_INVALID, REGO_FUNCTION_UNKNOWN
 * @throws UnsupportedError REGO_FEATURE_UNSUPPORTED, REGO_LIMIT_EXCEEDED
 */
export function createAgentPolicy(text: string | undefined): AgentPolicy {
  if (text === undefined) return IMAGE_DEFAULT;
  if (isGenerated(text)) return { kind: 'generated', allows: () => undefined };
  const engine = createRegoEngine({ modules: [parseRegoModule(text, { file: 'policy.rego' })] });
  return { kind: 'evaluated', allows: (request, input) => allows(engine, request, input) };
}

/** What the agent decides: the rule of the request's name, or a policy that lets failing requests pass. */
function allows(engine: RegoEngine, request: string, input: RegoJson): boolean {
  const passes = (rule: string): boolean => engine.query(`${MODULE}.${rule}`, { input }) === true;
  return passes(request) || passes('AllowRequestsFailingPolicy');
}

function isGenerated(text: string): boolean {
  try {
    return createKataEnforcer(text).profile !== 'constant';
  } catch (error) {
    // No rules that a generator writes: then they are evaluated as what they are.
    if (error instanceof PlatformError) return false;
    throw error;
  }
}

/**
 * Asks for everything that the runtime asks of the agent to start the pod.
 * @throws PolicyError PEER_POD_POLICY_REFUSED for the first request that is refused
 */
export function admitPod(policy: AgentPolicy, pod: PeerPodManifest): void {
  ask(policy, 'CreateSandboxRequest', { hostname: pod.name, sandbox_id: pod.name }, undefined);
  for (const container of pod.containers) {
    ask(policy, 'CreateContainerRequest', createContainerInput(pod, container), container.name);
    ask(policy, 'StartContainerRequest', { container_id: container.name }, container.name);
  }
}

function ask(policy: AgentPolicy, request: string, input: RegoJson, container: string | undefined): void {
  if (policy.allows(request, input) !== false) return;
  const where = container === undefined ? '' : ` for the container ${container}`;
  throw new PolicyError('PEER_POD_POLICY_REFUSED', `policy.rego of the initdata blocks ${request}${where}`, {
    details: { request, ...(container === undefined ? {} : { container }) },
    action: 'Allow the request in policy.rego, then measure the initdata anew and register the new value.',
  });
}

/** The members of a CreateContainerRequest that follow from the manifest alone. Secrets are still sealed in it. */
function createContainerInput(pod: PeerPodManifest, container: PeerPodContainer): RegoJson {
  return {
    container_id: container.name,
    OCI: {
      Hostname: pod.name,
      Process: {
        Args: container.command,
        Env: [...container.environment].map(([name, value]) => `${name}=${value}`),
      },
      Annotations: {
        'io.kubernetes.cri.container-type': 'container',
        'io.kubernetes.cri.container-name': container.name,
        'io.kubernetes.cri.image-name': container.image,
        'io.kubernetes.cri.sandbox-name': pod.name,
        'io.kubernetes.cri.sandbox-namespace': pod.namespace,
      },
    },
  };
}
