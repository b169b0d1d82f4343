import { isPlainObject, ownValue } from '../json-shape.ts';
import { sameJson } from '../json-patch.ts';
import type { KataContainer, KataPolicyData, KataProfile } from '../policy-data.ts';
import { annotationKeys, containerName } from './context.ts';
import {
  allowed,
  closest,
  denied,
  type KataCandidate,
  type KataCause,
  type KataDecision,
  type Mismatch,
  show,
  unequal,
} from './decision.ts';
import { environmentMismatches } from './environment-check.ts';
import type { KataPatterns } from './patterns.ts';
import { additionalGroups } from './process-checks.ts';
import type { ExecProcessRequest } from './request.ts';

const requestName = 'ExecProcessRequest';

interface ExecScope {
  readonly profile: KataProfile;
  readonly policy: KataPolicyData;
  readonly patterns: KataPatterns;
  readonly request: ExecProcessRequest;
  /** Upstream: names that earlier requests fixed. */
  readonly namespace?: string | undefined;
}

/** A way in which a command may be allowed; probes must also have the container's terminal setting. */
type Route = 'setting' | 'probe';

function commandRoute(scope: ExecScope, container: KataContainer): Route | undefined {
  const argv = scope.request.process.Args;
  const joined = argv.join(' ');
  const settings = scope.policy.request_defaults.ExecProcessRequest;
  if (scope.profile === 'ms') {
    if ((settings.commands ?? []).includes(joined)) return 'setting';
    if (container.exec_commands.includes(joined)) return 'probe';
  } else {
    if ((settings.allowed_commands ?? []).some((command) => sameJson(command, argv))) return 'setting';
    if (container.exec_commands.some((command) => sameJson(command, argv))) return 'probe';
  }
  return settings.regex.some((pattern) => scope.patterns.search(pattern, joined)) ? 'setting' : undefined;
}

/** In the rules an empty list is a value too: the sets must be missing altogether. */
function noCapabilities(capabilities: unknown): Mismatch[] {
  const sets = ['Ambient', 'Bounding', 'Effective', 'Inheritable', 'Permitted'];
  if (capabilities === null) return [];
  if (isPlainObject(capabilities) && sets.every((set) => (capabilities[set] ?? null) === null)) return [];
  return [{ policy: null, request: capabilities, message: 'A command in a container may name no capability sets.' }];
}

function processMismatches(scope: ExecScope, container: KataContainer): [predicate: string, found: Mismatch[]][] {
  const { process } = scope.request;
  const expected = container.OCI.Process;
  const name = ownValue(container.OCI.Annotations, annotationKeys.sandboxName);
  const noName: Mismatch[] =
    name === undefined
      ? [
          {
            policy: name,
            request: null,
            message: 'The policy names no pod, as for all controllers, so no command can be allowed.',
          },
        ]
      : [];
  const variables = {
    policy: scope.policy,
    patterns: scope.patterns,
    variables: expected.Env ?? [],
    sandboxName: name,
  };
  const upstream = { sandboxNamePattern: name ?? '^$', namespace: scope.namespace };
  const user = process.User;
  const groups =
    scope.profile === 'ms' || user === null
      ? []
      : [
          ...unequal('group id', expected.User.GID, user.GID),
          ...additionalGroups(expected.User.AdditionalGids, user.AdditionalGids),
        ];
  return [
    ['sandbox-name', noName],
    ['cwd', unequal('working directory', expected.Cwd ?? '', process.Cwd)],
    ['no-new-privileges', unequal('flag NoNewPrivileges', expected.NoNewPrivileges, process.NoNewPrivileges)],
    ['user', unequal('user id', expected.User.UID, user?.UID)],
    ['groups', groups],
    ['env', environmentMismatches(process.Env, scope.profile === 'ms' ? variables : { ...variables, ...upstream })],
    ['capabilities', noCapabilities(process.Capabilities)],
  ];
}

function candidateCauses(scope: ExecScope, container: KataContainer, index: number): KataCause[] {
  const argv = scope.request.process.Args;
  const route = commandRoute(scope, container);
  const found = processMismatches(scope, container);
  if (route === undefined) {
    const message = `The command ${show(argv)} is neither a probe or hook of the container nor allowed by the settings.`;
    found.unshift(['command', [{ policy: container.exec_commands, request: argv, message }]]);
  }
  if (route !== 'setting') {
    found.push(['terminal', unequal('flag Terminal', container.OCI.Process.Terminal, scope.request.process.Terminal)]);
  }
  return found.flatMap(([predicate, list]) => list.map((mismatch) => ({ container: index, predicate, ...mismatch })));
}

function candidateOf(scope: ExecScope, container: KataContainer, index: number): KataCandidate {
  return { container: index, name: containerName(container), causes: candidateCauses(scope, container, index) };
}

/**
 * Decides about a command in a running container, MS profile: some container of the policy must have it; which container it is meant
 * for is not checked.
 */
export function evaluateExecMs(
  policy: KataPolicyData,
  request: ExecProcessRequest,
  patterns: KataPatterns,
): KataDecision {
  const scope: ExecScope = { profile: 'ms', policy, request, patterns };
  const candidates = policy.containers.map((container, index) => candidateOf(scope, container, index));
  const fitting = candidates.find((candidate) => candidate.causes.length === 0);
  if (fitting !== undefined) return allowed(requestName, fitting.container);
  const best = closest(candidates, []);
  return denied(requestName, best?.causes ?? [], candidates);
}

/** Decides about a command in a running container, upstream profile: the container that was matched when it was created counts. */
export function evaluateExecUpstream(
  policy: KataPolicyData,
  request: ExecProcessRequest,
  patterns: KataPatterns,
  state: { readonly index: number | undefined; readonly namespace: string | undefined },
): KataDecision {
  const general: KataCause[] = [];
  const refuse = (predicate: string, expected: unknown, found: unknown, message: string): void => {
    general.push({ container: null, predicate, policy: expected, request: found, message });
  };
  const container = state.index === undefined ? undefined : policy.containers[state.index];
  if (state.index === undefined || container === undefined) {
    refuse(
      'container-id',
      null,
      request.container_id,
      `No container ${show(request.container_id)} runs in this sandbox.`,
    );
    return denied(requestName, general);
  }
  const { ApparmorProfile: apparmor, SelinuxLabel: selinux } = request.process;
  if (request.string_user !== null) refuse('input', null, request.string_user, 'string_user must be absent.');
  if (selinux !== '') refuse('input', '', selinux, 'A command may have no SELinux label.');
  if (apparmor !== '') refuse('input', '', apparmor, 'A command may have no AppArmor profile.');
  if (general.length > 0) return denied(requestName, general);
  const scope: ExecScope = { profile: 'upstream', policy, request, patterns, namespace: state.namespace };
  const candidate = candidateOf(scope, container, state.index);
  if (candidate.causes.length === 0) return allowed(requestName, candidate.container);
  return denied(requestName, candidate.causes, [candidate]);
}
