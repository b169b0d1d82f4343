import type { LiteralObject, LiteralValue } from '../rego-literals/index.ts';
import { isLiteralObject } from '../rego-literals/index.ts';
import type { Cause } from './causes.ts';
import { stringsOf } from './policy-container.ts';
import type { PlatformProfile } from './platform-profiles/index.ts';

/** Something a person can do about a denial. */
export interface Suggestion {
  readonly kind: 'add-env-rule' | 'change-policy' | 'change-manifest' | 'regenerate' | 'check-order' | 'report';
  /** One sentence that says what to do. */
  readonly text: string;
  /** The rule or object to add to the policy, ready to paste. */
  readonly rule?: LiteralObject;
  /** Name of the container it is about. */
  readonly container?: string;
}

const regenerate: Suggestion = {
  kind: 'regenerate',
  text: 'Regenerate the policy for the image and manifest that are deployed, and deploy the new policy with them.',
};

const flagOf: Readonly<Record<string, string>> = {
  get_properties: 'allow_properties_access',
  dump_stacks: 'allow_dump_stacks',
  runtime_logging: 'allow_runtime_logging',
  host_network: 'allow_host_network',
};

/** The rule that admits a variable with any value but the empty one. */
export function envRuleFor(name: string): LiteralObject {
  return { pattern: `${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}=.+`, required: false, strategy: 're2' };
}

/** What to do about one cause. `profile` tells which variables the platform adds on its own. */
export function suggestionsFor(cause: Cause, point: string, profile?: PlatformProfile): readonly Suggestion[] {
  switch (cause.code) {
    case 'PREDICATE_FAILED':
      return predicateSuggestions(cause, profile);
    case 'LAYER_UNKNOWN':
      return [{ ...regenerate, text: 'Regenerate: image content changed. No container of the policy has this layer.' }];
    case 'LAYERS_MISMATCH':
      return [{ ...regenerate, text: 'Regenerate: no container of the policy has these layers in this order.' }];
    case 'OVERLAY_MISSING':
      return [
        {
          kind: 'check-order',
          text: 'Look at the earlier denials of mount_device or mount_overlay: the image was never admitted.',
        },
        regenerate,
      ];
    case 'RULE_MISSING':
      return [
        {
          kind: 'change-policy',
          text: `Add the binding ${point} := data.framework.${point} to the policy, or regenerate it.`,
        },
      ];
    case 'API_VERSION_MISSING':
      return [
        {
          kind: 'change-policy',
          text: 'Add api_version := "0.10.0" (or newer) to the policy; without it every action is denied.',
        },
      ];
    case 'FLAG_OFF':
      return [
        {
          kind: 'change-policy',
          text: `Set ${flagOf[point] ?? 'the flag of this point'} := true if the host may do this.`,
        },
      ];
    case 'FRAMEWORK_VERSION':
      return [
        {
          kind: 'change-policy',
          text: 'State a framework_version that the guest has; then regenerate or deploy to a newer guest.',
        },
      ];
    case 'CONTAINER_ID_REUSED':
      return [
        { kind: 'check-order', text: 'Create the container under a new id: an id cannot be used twice in one guest.' },
      ];
    case 'CONTAINER_NOT_STARTED':
      return [{ kind: 'check-order', text: 'Start the container first; its creation was denied or never asked for.' }];
    case 'SCRATCH_UNENCRYPTED':
      return [
        {
          kind: 'change-policy',
          text: 'Ask for encrypted scratch space; setting allow_unencrypted_scratch := true gives up its secrecy.',
        },
      ];
    case 'SIGNAL_REFUSED':
      return [
        {
          kind: 'change-policy',
          text: 'Add the signal to the signals of the container or exec process, or regenerate with the right stop signal.',
        },
      ];
    case 'FRAGMENT_ISSUER':
    case 'FRAGMENT_FEED':
      return [
        {
          kind: 'change-policy',
          text: 'Add an import with this issuer and feed to fragments, if you trust the fragment.',
        },
      ];
    case 'FRAGMENT_SVN':
      return [
        {
          kind: 'change-policy',
          text: 'Use a newer fragment, or lower minimum_svn of its import if the older one is acceptable.',
        },
      ];
    case 'FRAGMENT_VERSION':
      return [
        { kind: 'report', text: 'The publisher must state a framework_version in the fragment that the guest has.' },
      ];
    case 'ENVIRONMENT_AMBIGUOUS':
      return [
        {
          kind: 'change-policy',
          text: 'Two containers of the same image keep different variables; give them commands or environments that tell them apart.',
        },
      ];
    case 'CAPABILITIES_AMBIGUOUS':
    case 'STDIO_AMBIGUOUS':
      return [
        {
          kind: 'change-policy',
          text: 'Two containers of the policy differ in nothing else; make them equal or give them different commands.',
        },
      ];
    default:
      return [];
  }
}

function predicateSuggestions(cause: Cause, profile: PlatformProfile | undefined): readonly Suggestion[] {
  const about = cause.container === undefined ? {} : { container: cause.container.name };
  const policyText = shown(cause.policyValue);
  const requestText = shown(cause.requestValue);
  switch (cause.predicate) {
    case 'environment':
      return environmentSuggestions(cause.offending ?? [], about, profile);
    case 'requiredEnvironment':
      return [
        {
          kind: 'change-manifest',
          ...about,
          text: `Set the required variables as the policy asks: ${policyText}.`,
        },
      ];
    case 'command':
      if (cause.policyValue === null) {
        const text =
          'Give the container a command and regenerate: neither manifest nor image has one, so nothing can match.';
        return [{ kind: 'regenerate', ...about, text }];
      }
      return [
        {
          kind: 'change-manifest',
          ...about,
          text: `Start ${policyText} as the policy says, or regenerate it for ${requestText}.`,
        },
      ];
    case 'workingDir':
      return [
        {
          kind: 'change-manifest',
          ...about,
          text: `Set workingDir to ${policyText}, or regenerate the policy for ${requestText}.`,
        },
      ];
    case 'user':
      return [
        {
          kind: 'change-manifest',
          ...about,
          text: `Set securityContext.runAsUser and runAsGroup to what the policy allows: ${policyText}.`,
        },
      ];
    case 'privileged':
      return [
        {
          kind: 'change-manifest',
          ...about,
          text: 'Remove securityContext.privileged, or regenerate with it: the policy has allow_elevated false.',
        },
      ];
    case 'noNewPrivileges':
      return [
        {
          kind: 'change-manifest',
          ...about,
          text: 'Set securityContext.allowPrivilegeEscalation: false, which the policy requires.',
        },
      ];
    case 'mounts':
      return mountSuggestions(cause, about);
    case 'seccomp':
      return [
        {
          kind: 'regenerate',
          ...about,
          text: `Use the seccomp profile of the policy (SHA-256 ${policyText}), or regenerate with the deployed one (${requestText}).`,
        },
      ];
    case 'devices':
      return [{ kind: 'change-manifest', ...about, text: 'Remove the device nodes: no policy can admit them.' }];
    case 'capabilities':
      return [
        {
          kind: 'change-manifest',
          ...about,
          text: `Give the container exactly the capabilities of the policy; these sets differ: ${(cause.offending ?? []).join(', ') || 'unknown'}. Fewer than listed is a denial too.`,
        },
      ];
    default:
      return [regenerate];
  }
}

function environmentSuggestions(
  names: readonly string[],
  about: { readonly container?: string },
  profile: PlatformProfile | undefined,
): readonly Suggestion[] {
  const suggestions = names.map((name): Suggestion => {
    const rule = envRuleFor(name);
    const injected = profile?.variables.find((variable) => variable.name === name);
    const why =
      injected === undefined
        ? `or remove ${name} from the manifest, or regenerate if it was added or changed there`
        : `the platform adds ${name} itself (${injected.source})`;
    return { kind: 'add-env-rule', ...about, rule, text: `Add the rule ${JSON.stringify(rule)} to env_rules; ${why}.` };
  });
  const everywhere = names.some((name) => profile?.variables.some((v) => v.name === name && v.scope === 'all'));
  if (!everywhere) return suggestions;
  return [
    ...suggestions,
    {
      kind: 'change-policy',
      text: 'Or set allow_environment_variable_dropping := true: the platform adds these variables to its own sidecars too, whose rules you cannot change.',
    },
  ];
}

function mountSuggestions(cause: Cause, about: { readonly container?: string }): readonly Suggestion[] {
  const mounts = Array.isArray(cause.requestValue) ? (cause.requestValue as readonly LiteralValue[]) : [];
  return (cause.offending ?? []).map((destination) => {
    const mount = mounts.filter(isLiteralObject).find((candidate) => candidate['destination'] === destination);
    if (mount === undefined) {
      return { kind: 'change-manifest', ...about, text: `Remove the mount at ${destination}, or regenerate with it.` };
    }
    const rule = { ...mount, source: policySource(mount['source']), options: stringsOf(mount['options']) ?? [] };
    return {
      kind: 'change-policy',
      ...about,
      rule,
      text: `Remove the mount at ${destination} from the manifest, or add the rule ${JSON.stringify(rule)} to mounts.`,
    };
  });
}

/** The form in which a policy names a source below the sandbox directory. */
function policySource(source: LiteralValue | undefined): string {
  const text = typeof source === 'string' ? source : '';
  const inSandbox = /\/sandboxMounts(\/.+)$/.exec(text)?.[1];
  return inSandbox === undefined ? text : `sandbox://${inSandbox.replace(/[^/]+$/, '.+')}`;
}

/** A value for a sentence: compact and not endless. */
export function shown(value: LiteralValue | undefined): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing');
  return text.length > 300 ? `${text.slice(0, 300)}…` : text === '' ? '""' : text;
}

/** Suggestions for every cause of the candidate that was meant, without repeats. */
export function uniqueSuggestions(suggestions: readonly Suggestion[]): readonly Suggestion[] {
  return [...new Map(suggestions.map((suggestion) => [suggestion.text, suggestion])).values()];
}
