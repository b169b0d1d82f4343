import { createHash } from 'node:crypto';

import {
  aciEnvRules,
  platformIdentityEnvRules,
  podTemplates,
  readCcePolicy,
  readManifests,
  vn2ServiceEnvRules,
  workloadIdentityEnvRules,
} from '@holdfast/policy';
import type { CceContainer, ImageFacts, ImageFactsSource } from '@holdfast/policy';

import { isObject, parsedJson } from './json-shape.ts';

/** A container as far as its document names its image and arguments. */
interface Declared {
  readonly name: string;
  readonly image: string;
  /** Whether it says itself what to start, so that the policy does not show what the image would start. */
  readonly hasCommand: boolean;
  /** Arguments without a command, which are appended to the entry point of the image. */
  readonly args: readonly string[];
}

/** Images as a policy describes them, and those of which it knows nothing. */
export interface PolicyImages {
  readonly facts: ImageFactsSource;
  /** References that were asked for and that no container of the policy has. */
  readonly unknown: ReadonlySet<string>;
}

const platformPatterns = new Set(
  [...aciEnvRules, ...platformIdentityEnvRules, ...vn2ServiceEnvRules, ...workloadIdentityEnvRules].map(
    ({ pattern }) => pattern,
  ),
);

/**
 * Facts of images taken from policies that were made of them: layers, and what the image adds to its containers. Nothing is
 * fetched, so it stays unnoticed when an image has changed since. An image that no policy names gets a layer that cannot exist.
 */
export function imagesOfPolicies(policies: readonly string[], document: string, isArm: boolean): PolicyImages {
  const containers = policies.flatMap((text) => readCcePolicy(text).containers as unknown as readonly CceContainer[]);
  const declared = isArm ? declaredInTemplate(document) : declaredInManifests(document);
  const unknown = new Set<string>();
  return {
    unknown,
    facts: (reference) => {
      const users = declared.filter(({ image }) => image === reference);
      const isUser = ({ name = '' }: CceContainer) => users.some((user) => user.name === name);
      const candidates = containers.filter(
        (container) => container.id === reference || (container.id === undefined && isUser(container)),
      );
      const telling = candidates.find(({ name = '' }) => users.some((user) => user.name === name && !user.hasCommand));
      const container = telling ?? candidates[0];
      if (container !== undefined) return Promise.resolve(factsOf(reference, container, candidates, users));
      unknown.add(reference);
      return Promise.resolve(unknownImage(reference));
    },
  };
}

function factsOf(
  reference: string,
  container: CceContainer,
  candidates: readonly CceContainer[],
  users: readonly Declared[],
): ImageFacts {
  const command = container.command ?? [];
  const args = users.find(({ args: own }) => endsWith(command, own))?.args ?? [];
  const entrypoint = command.slice(0, command.length - args.length);
  // What the image sets, all containers of the image have.
  const [first = [], ...others] = candidates.map(literalEnv);
  const env = first.filter((variable) => others.every((other) => other.includes(variable)));
  return {
    ...bareFacts(reference, container.layers),
    config: { Env: env, Entrypoint: entrypoint, Cmd: args, WorkingDir: container.working_dir, User: userOf(container) },
  };
}

function literalEnv({ env_rules: rules }: CceContainer): readonly string[] {
  return rules
    .filter(({ strategy, pattern }) => strategy === 'string' && !platformPatterns.has(pattern))
    .map(({ pattern }) => pattern);
}

function endsWith(command: readonly string[], args: readonly string[]): boolean {
  if (args.length === 0 || args.length > command.length) return false;
  return args.every((argument, index) => command[command.length - args.length + index] === argument);
}

function userOf({ user }: CceContainer): string {
  const ids = [user.user_idname, user.group_idnames[0]].map((rule) => (rule?.strategy === 'id' ? rule.pattern : ''));
  const [id = '', group = ''] = ids;
  return group === '' ? id : `${id}:${group}`;
}

function unknownImage(reference: string): ImageFacts {
  const never = createHash('sha256').update(reference).digest('hex');
  return { ...bareFacts(reference, [never]), config: {} };
}

function bareFacts(reference: string, rootHashes: readonly string[]): Omit<ImageFacts, 'config'> {
  return {
    reference,
    manifestDigest: '',
    platform: { os: 'linux', architecture: 'amd64' },
    layers: rootHashes.map((rootHashExt4) => ({ mediaType: '', digest: '', size: 0, diffId: '', rootHashExt4 })),
  };
}

function declaredInManifests(text: string): readonly Declared[] {
  return podTemplates(readManifests(text)).flatMap(({ spec }) =>
    ['containers', 'initContainers'].flatMap((member) => declaredIn(spec[member])),
  );
}

function declaredIn(list: unknown): readonly Declared[] {
  if (!Array.isArray(list)) return [];
  return list.filter(isObject).map(({ name, image, command, args }) => ({
    name: textOf(name),
    image: textOf(image),
    hasCommand: textsOf(command).length > 0,
    args: textsOf(command).length > 0 ? [] : textsOf(args),
  }));
}

/** Containers of a template whose names and images are literal; expressions are found by the id of the policy's container. */
function declaredInTemplate(text: string): readonly Declared[] {
  const found: Declared[] = [];
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) for (const item of value) visit(item);
    else if (isObject(value)) {
      const { name, properties } = value;
      if (typeof name === 'string' && isObject(properties) && typeof properties['image'] === 'string') {
        found.push({
          name,
          image: properties['image'],
          hasCommand: textsOf(properties['command']).length > 0,
          args: [],
        });
      }
      for (const member of Object.values(value)) visit(member);
    }
  };
  visit(parsedJson(text));
  return found;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(textOf) : [];
}
