/** Steps of a deployment, in order. Each can be repeated, and each ends with a look at the cloud. */
export type StageId = 'S0' | 'S1' | 'S2' | 'S3' | 'S4' | 'S5a' | 'S5b' | 'S6' | 'S7' | 'S8' | 'S9';

/** What is read from the cloud to know that a stage is complete. */
export type CompletionTest =
  | { readonly kind: 'no-failed-check' }
  | { readonly kind: 'registered' }
  | { readonly kind: 'deployment-succeeded' }
  | { readonly kind: 'owned-fields-equal' }
  | { readonly kind: 'field'; readonly resource: string; readonly path: string; readonly equals?: string }
  | { readonly kind: 'assignments-listed' }
  | { readonly kind: 'secret-current' }
  | { readonly kind: 'key-exists' }
  | { readonly kind: 'node-ready'; readonly node: string; readonly seconds: number }
  | { readonly kind: 'workloads-ready' }
  | { readonly kind: 'healthy'; readonly path: string; readonly body: string; readonly times: number };

export interface Stage {
  readonly id: StageId;
  readonly title: string;
  readonly done: string;
  readonly tests: readonly CompletionTest[];
}

export const stageIds: readonly StageId[] = ['S0', 'S1', 'S2', 'S3', 'S4', 'S5a', 'S5b', 'S6', 'S7', 'S8', 'S9'];

const titles: Readonly<Record<StageId, readonly [title: string, done: string, tests: readonly CompletionTest[]]>> = {
  S0: ['Credential, subscription, checks', 'no check of severity error fails', [{ kind: 'no-failed-check' }]],
  S1: ['Providers and features', 'every one is Registered', [{ kind: 'registered' }]],
  S2: ['Resource group', 'it exists in the configured region', [{ kind: 'owned-fields-equal' }]],
  S3: [
    'Network, vault, identities',
    'the deployment succeeded and every written field is as written',
    [{ kind: 'deployment-succeeded' }, { kind: 'owned-fields-equal' }],
  ],
  S4: [
    'Cluster',
    'it is running and its nodes have an identity',
    [{ kind: 'deployment-succeeded' }, { kind: 'owned-fields-equal' }],
  ],
  S5a: ['Rights that need the cluster', 'every assignment is listed', [{ kind: 'assignments-listed' }]],
  S5b: ['Rights on the group of the nodes', 'every assignment is listed', [{ kind: 'assignments-listed' }]],
  S6: ['Secret', 'the current version is enabled and has the fingerprint of the key', [{ kind: 'secret-current' }]],
  S7: ['Cluster services', 'they are ready', [{ kind: 'workloads-ready' }]],
  S8: ['Workload', 'every replica is ready', [{ kind: 'workloads-ready' }]],
  S9: ['Health', 'it answers several times in a row', []],
};

/** A stage, with what a profile says in place of the general title and tests. */
export function stage(id: StageId, own: Partial<Omit<Stage, 'id'>> = {}): Stage {
  const [title, done, tests] = titles[id];
  return { id, title, done, tests, ...own };
}

/** What every deployment begins with. */
export const firstStages: readonly Stage[] = [stage('S0'), stage('S1'), stage('S2')];

/** The stages of a cluster whose service accounts act as identities, by the id of the cluster in the graph. */
export function workloadIdentityStages(cluster: string): readonly Stage[] {
  return [
    stage('S4', {
      tests: [
        { kind: 'field', resource: cluster, path: 'properties.provisioningState', equals: 'Succeeded' },
        { kind: 'field', resource: cluster, path: 'properties.oidcIssuerProfile.issuerURL' },
      ],
    }),
    stage('S5a', { tests: [{ kind: 'owned-fields-equal' }], done: 'the federated credential is as written' }),
  ];
}

/** The last stage: the workload answers three times in a row. */
export function healthStage(path: string, body: string): Stage {
  return stage('S9', { tests: [{ kind: 'healthy', path, body, times: 3 }] });
}
