import type { KataCause, KataDecision } from './evaluate/decision.ts';
import { isTextList } from './json-shape.ts';

/** What a person should know and can do about a decision. */
export interface KataExplanation {
  /** The decision in one sentence. */
  readonly summary: string;
  /** The first failing rule of the closest container; undefined when the request is allowed. */
  readonly primary: KataCause | undefined;
  /** Every container of the policy with the rules that fail for it. */
  readonly containers: readonly {
    readonly container: number;
    readonly name: string;
    readonly failing: readonly string[];
  }[];
  /** The smallest changes that would let the request pass, most likely first. Each is safe only if the request is wanted. */
  readonly suggestions: readonly string[];
}

/** Explains a decision: primary cause, a table of containers and rules, and what to change. */
export function explainKataDecision(decision: KataDecision): KataExplanation {
  const [primary] = decision.causes;
  return {
    summary: decision.message,
    primary,
    containers: decision.candidates.map(({ causes, container, name }) => ({
      container,
      name,
      failing: [...new Set(causes.map(({ predicate }) => predicate))],
    })),
    suggestions: [...new Set(decision.causes.flatMap((cause) => suggestion(decision, cause)))],
  };
}

const regenerate = 'Generate the policy again from the manifest that is deployed, and deploy both together.';

function suggestion(decision: KataDecision, cause: KataCause): string[] {
  switch (cause.predicate) {
    case 'env':
      return [environment(cause)];
    case 'storages':
      return [
        'If the image was updated, generate the policy again: a layer has another root hash. If not, the image is not the one the policy was made for.',
      ];
    case 'args':
      return [`Set command and args in the manifest as they are to run. ${regenerate}`];
    case 'user':
      return [
        'Set securityContext.runAsUser to the number that the image uses; names of users are not resolved by the AKS policy tool.',
      ];
    case 'groups':
      return ['Set securityContext.runAsGroup, fsGroup and supplementalGroups in the manifest as the pod has them.'];
    case 'annotations':
      return [
        'The node adds an annotation that the settings do not know: take the settings of the node image that the cluster runs.',
      ];
    case 'mounts':
      return [`Declare the volume and its mount in the manifest. ${regenerate}`];
    case 'sandbox-name':
      return decision.request === 'ExecProcessRequest'
        ? [
            'Use httpGet, tcpSocket or grpc probes: commands are never allowed in pods of a controller with this profile.',
          ]
        : ['The pod must have the name the policy was made for; use a controller if names change.'];
    case 'namespace':
    case 'state':
      return [
        'Deploy the pod to the namespace the policy was made for, or set metadata.namespace and generate the policy again.',
      ];
    case 'command':
      return [
        'Add the command as a probe or hook of the container, or to ExecProcessRequest in the settings, and generate the policy again.',
      ];
    case 'default':
      return [`Switch ${decision.request} on in request_defaults of the settings, if the host may do this.`];
    case 'version':
      return ['The runtime of the node is of another release than the settings: use the settings of that release.'];
    case 'namespaces':
    case 'masked-paths':
    case 'readonly-paths':
    case 'sysctls':
    case 'capabilities':
      return [
        `The node asks for other isolation than the manifest: compare securityContext and the node image. ${regenerate}`,
      ];
    default:
      return [];
  }
}

function environment(cause: KataCause): string {
  const name = typeof cause.request === 'string' ? (cause.request.split('=', 1)[0] ?? '') : '';
  if (isTextList(cause.policy) && cause.policy.length > 0) {
    return `Give ${name} in the manifest the value that the pod has. ${regenerate}`;
  }
  return `Add ${name} to env of the container, or, if the platform sets it, a pattern such as "^${name}=<value>$" to allow_env_regex of the settings.`;
}
