import { buildCommand, buildRouteMap } from '@stricli/core';
import type { Command, RouteMap } from '@stricli/core';

import type { CliContext } from '../context.ts';
import { jsonFlag, optionalTextFlag } from './flags.ts';
import { lazily } from './lazily.ts';

export type ReleaseEnvironment = 'integ' | 'prod';

export interface ReleaseBuildFlags {
  readonly out: string;
  readonly base?: string;
  readonly node?: string;
  readonly registry?: string;
  readonly layout?: string;
  readonly version?: string;
  readonly environment: ReleaseEnvironment;
  readonly insecureRegistry?: readonly string[];
  readonly json: boolean;
}

export interface ReleaseInspectFlags {
  readonly digest?: string;
  readonly environment?: ReleaseEnvironment;
  readonly json: boolean;
}

const environments = ['integ', 'prod'] as const;

const buildReleaseCommand: Command<CliContext> = buildCommand<ReleaseBuildFlags, [], CliContext>({
  loader: lazily(async () => (await import('../release/run-build.ts')).runReleaseBuild),
  parameters: {
    flags: {
      out: { kind: 'parsed', parse: String, brief: 'Folder of the release', placeholder: 'DIR', default: 'release' },
      base: optionalTextFlag(
        'Image with Node 24 that ours lie on: a reference in a registry, best by digest, or the path of a layout or archive',
        'IMAGE',
      ),
      node: optionalTextFlag('Program of Node in the base image; found by its entrypoint or PATH when missing', 'PATH'),
      registry: optionalTextFlag(
        'Registry and path under which the images are pushed, such as registry.example/uid2',
        'REF',
      ),
      layout: optionalTextFlag('OCI image layout for the images; DIR/images of --out when missing', 'DIR'),
      version: optionalTextFlag('Version of the release, a tag; that of holdfast when missing', 'V'),
      environment: {
        kind: 'enum',
        values: environments,
        brief: 'The environment that the release is checked for',
        default: 'integ',
      },
      insecureRegistry: {
        kind: 'parsed',
        parse: String,
        variadic: ',',
        brief: 'Registries that are spoken to without TLS',
        placeholder: 'HOSTS',
        optional: true,
      },
      json: jsonFlag,
    },
  },
  docs: {
    brief: 'Build images, policy, manifest and bundle of our own operator',
    fullDescription:
      'Builds the images of operator and sidecar from this repository without a container engine, makes the policy from the ' +
      'manifest, and writes operator.yaml, the bundle, the digest and release.json. Without --base the images hold no Node and no ' +
      'C library: the local cloud runs them, a real cluster cannot. The same input gives the same bytes. Exit codes: 0 built, 1 ' +
      'the bundle does not pass its own checks.',
  },
});

const inspectReleaseCommand: Command<CliContext> = buildCommand<ReleaseInspectFlags, [string], CliContext>({
  loader: lazily(async () => (await import('../release/run-inspect.ts')).runReleaseInspect),
  parameters: {
    flags: {
      digest: optionalTextFlag(
        'Digest of the policy that was published, from somewhere else than the bundle',
        'SHA256',
      ),
      environment: {
        kind: 'enum',
        values: environments,
        brief: 'Environment that it is judged for; that of the record, else integ',
        optional: true,
      },
      json: jsonFlag,
    },
    positional: {
      kind: 'tuple',
      parameters: [{ parse: String, brief: 'release.json, a bundle, or its folder', placeholder: 'FILE' }],
    },
  },
  docs: {
    brief: 'Show and verify a release',
    fullDescription:
      'Shows version, images and policy digest of a release and runs the checks of a bundle. With a release.json its files ' +
      'are compared with the digests in it. Exit codes: 0 nothing is wrong, 1 something is.',
  },
});

export const releaseRoutes: RouteMap<CliContext> = buildRouteMap({
  routes: { build: buildReleaseCommand, inspect: inspectReleaseCommand },
  docs: { brief: 'Build and verify releases of our own operator' },
});
