import { InternalError } from '@holdfast/base';

import { idOf } from '../graph/parts.ts';
import type { Stage, StageId } from '../graph/stages.ts';
import type { ArmResource, Graph, ResourceObject, ResourceValue, Scope } from '../graph/types.ts';

export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

/** A parameter as a template declares it. */
interface TemplateParameterJson {
  readonly type: string;
  readonly defaultValue?: string;
  readonly metadata: { readonly description: string };
}

/** A template of Azure Resource Manager. */
export interface ArmTemplate {
  readonly $schema: string;
  readonly contentVersion: '1.0.0.0';
  readonly metadata: { readonly description: string };
  readonly parameters: Readonly<Record<string, TemplateParameterJson>>;
  readonly resources: readonly JsonValue[];
}

/** One deployment: a template and where it goes to. */
export interface StageDeployment {
  readonly stage: StageId;
  /** Stable, so that a second run meets the first. */
  readonly name: string;
  /** File name of the template. */
  readonly file: string;
  readonly scope: Scope;
  readonly location: string;
  readonly title: string;
  readonly template: ArmTemplate;
  readonly resources: readonly ArmResource[];
}

const GROUP_SCHEMA = 'https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#';
const SUBSCRIPTION_SCHEMA =
  'https://schema.management.azure.com/schemas/2018-05-01/subscriptionDeploymentTemplate.json#';

export interface DeploymentNames {
  /** First part of every deployment's name, such as `uid2-integ`. */
  readonly prefix: string;
  readonly location: string;
}

/**
 * The deployments of a graph, one for each stage and scope, in order. Resources that exist and are only added to are not
 * in them: a template would reset what it does not name.
 */
export function stageDeployments(
  graph: Graph,
  stages: readonly Stage[],
  names: DeploymentNames,
): readonly StageDeployment[] {
  const resources = graph.nodes.filter((node): node is ArmResource => node.kind === 'arm' && node.merge !== true);
  const all = new Map(graph.nodes.flatMap((node) => (node.kind === 'arm' ? [[node.id, node] as const] : [])));
  return stages.flatMap((stage) => {
    const ofStage = resources.filter((node) => node.stage === stage.id);
    const scopes = [...new Map(ofStage.map(({ scope }) => [scopeKey(scope), scope])).values()];
    return scopes.map((scope, index): StageDeployment => {
      const here = ofStage.filter((node) => scopeKey(node.scope) === scopeKey(scope));
      const suffix = scopes.length === 1 ? '' : `-${index + 1}`;
      const name = `${names.prefix}-${stage.id.toLowerCase()}${suffix}`;
      return {
        stage: stage.id,
        name,
        file: `${stage.id.toLowerCase()}${suffix}.json`,
        scope,
        location: names.location,
        title: stage.title,
        template: templateOf(stage.title, here, all, graph),
        resources: here,
      };
    });
  });
}

function scopeKey(scope: Scope): string {
  return `${scope.subscriptionId}/${scope.resourceGroup ?? ''}`.toLowerCase();
}

function templateOf(
  title: string,
  here: readonly ArmResource[],
  all: ReadonlyMap<string, ArmResource>,
  graph: Graph,
): ArmTemplate {
  const used = new Set<string>();
  const context: WriteContext = { all, used };
  const resources = here.map((node) => resourceJson(node, here, context));
  const parameters = Object.entries(graph.parameters).filter(([name]) => used.has(name));
  const subscriptionScope = here.every(({ scope }) => scope.resourceGroup === undefined);
  return {
    $schema: subscriptionScope ? SUBSCRIPTION_SCHEMA : GROUP_SCHEMA,
    contentVersion: '1.0.0.0',
    metadata: { description: title },
    parameters: Object.fromEntries(
      parameters.map(([name, { type, description, defaultValue }]) => [
        name,
        { type, ...(defaultValue === undefined ? {} : { defaultValue }), metadata: { description } },
      ]),
    ),
    resources,
  };
}

interface WriteContext {
  readonly all: ReadonlyMap<string, ArmResource>;
  /** Parameters met so far. */
  readonly used: Set<string>;
}

function resourceJson(node: ArmResource, here: readonly ArmResource[], context: WriteContext): JsonValue {
  const ids = new Map(here.map((other) => [other.id, idOf(other)]));
  const dependsOn = node.dependsOn.flatMap((id) => ids.get(id) ?? []);
  return {
    type: node.type,
    apiVersion: node.apiVersion,
    name: literal(node.name),
    ...(node.target === undefined ? {} : { scope: relativeTarget(node) }),
    ...writeObject(node.body, context),
    ...(dependsOn.length === 0 ? {} : { dependsOn }),
  };
}

/** What a resource extends, as a template names it: without the scope of the deployment in front. */
function relativeTarget(node: ArmResource): string {
  return (node.target ?? '').replace(/^.*?\/providers\//, '');
}

function writeObject(object: ResourceObject, context: WriteContext): Record<string, JsonValue> {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, write(value, context)]));
}

function write(value: ResourceValue, context: WriteContext): JsonValue {
  if (typeof value === 'string') return literal(value);
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return (value as readonly ResourceValue[]).map((item) => write(item, context));
  const object = value as ResourceObject;
  if ('$parameter' in object) {
    const name = object['$parameter'] as string;
    context.used.add(name);
    return `[parameters('${name}')]`;
  }
  if ('$tenantId' in object) return '[subscription().tenantId]';
  if ('$runtime' in object) return reference(object['$runtime'] as { resource: string; path: string }, context);
  if ('$listKeys' in object) {
    const { resource, path } = object['$listKeys'] as { resource: string; path: string };
    const node = nodeOf(resource, context);
    return `[listKeys('${idOf(node)}', '${node.apiVersion}').${path}]`;
  }
  return writeObject(object, context);
}

/** `reference` answers the properties of a resource; what stands beside them needs the full answer. */
function reference({ resource, path }: { resource: string; path: string }, context: WriteContext): string {
  const node = nodeOf(resource, context);
  const properties = /^properties\.(.+)$/.exec(path);
  return properties === null
    ? `[reference('${idOf(node)}', '${node.apiVersion}', 'Full').${path}]`
    : `[reference('${idOf(node)}', '${node.apiVersion}').${properties[1]}]`;
}

function nodeOf(id: string, context: WriteContext): ArmResource {
  const node = context.all.get(id);
  if (node === undefined)
    throw new InternalError('DEPLOYMENT_GRAPH_BROKEN', `the graph refers to ${id}, which is not a resource`);
  return node;
}

/** Text that begins with a bracket would be evaluated; a second bracket says that it is text. */
function literal(text: string): string {
  return text.startsWith('[') ? `[${text}` : text;
}

/** The template as the text of its file: same input, same bytes. */
export function templateText(template: ArmTemplate): string {
  return `${JSON.stringify(template, null, 2)}\n`;
}
