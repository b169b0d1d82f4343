import { UnsupportedError } from '@holdfast/base';

import { isPlainObject } from './json-shape.ts';
import type { KataProfile } from './policy-data.ts';

/**
 * Which fields of a manifest the policy generator knows. `any` accepts what is inside without a look: the field changes nothing
 * that the runtime sends to the guest. A list is checked item by item. A field that is not here may change a request, so that the
 * generated policy would deny the pod or, worse, admit something else than was meant.
 */
type Fields = 'any' | { readonly [name: string]: Fields };

const any = 'any';

function fields(names: string, nested: { readonly [name: string]: Fields } = {}): Fields {
  return { ...Object.fromEntries(names.split(' ').map((name) => [name, any as Fields])), ...nested };
}

const metadata = fields('name generateName namespace labels annotations uid');
const keySelector = fields('key name optional');
const probe = fields(
  'initialDelaySeconds timeoutSeconds periodSeconds failureThreshold successThreshold httpGet tcpSocket',
  { exec: fields('command') },
);
const upstreamProbe: Fields = { ...(probe as object), ...(fields('grpc terminationGracePeriodSeconds') as object) };
const handler = fields('exec', { exec: fields('command') });
const fieldRef = fields('fieldPath apiVersion');
const environment = fields('name value', {
  valueFrom: {
    configMapKeyRef: keySelector,
    secretKeyRef: keySelector,
    fieldRef,
    resourceFieldRef: fields('resource containerName divisor'),
  },
});
const volumeSources: { readonly [name: string]: Fields } = {
  emptyDir: fields('medium sizeLimit'),
  hostPath: fields('path type'),
  persistentVolumeClaim: fields('claimName readOnly'),
  configMap: fields('name items optional defaultMode'),
  secret: fields('secretName items optional defaultMode'),
  azureFile: fields('secretName shareName readOnly'),
  projected: fields('defaultMode sources'),
  downwardAPI: fields('items defaultMode'),
};
const capabilities = fields('add drop');

function container(profile: KataProfile): Fields {
  const checks = profile === 'ms' ? probe : upstreamProbe;
  const user = 'readOnlyRootFilesystem allowPrivilegeEscalation privileged runAsUser seccompProfile';
  return fields(
    'name image imagePullPolicy resources ports command args restartPolicy serviceAccountName stdin tty ' +
      'terminationMessagePath terminationMessagePolicy volumeDevices',
    {
      securityContext: fields(profile === 'ms' ? user : `${user} runAsGroup`, { capabilities }),
      volumeMounts: fields('name mountPath readOnly mountPropagation subPath subPathExpr'),
      env: environment,
      envFrom: fields('prefix', {
        configMapRef: fields('name optional'),
        secretRef: fields('name optional'),
      }),
      lifecycle: { postStart: handler, preStop: handler },
      livenessProbe: checks,
      readinessProbe: checks,
      startupProbe: checks,
    },
  );
}

function podSpec(profile: KataProfile): Fields {
  const each = container(profile);
  const scheduling =
    'nodeSelector affinity nodeName tolerations topologySpreadConstraints priorityClassName preemptionPolicy priority schedulerName';
  return fields(
    `${scheduling} restartPolicy runtimeClassName imagePullSecrets serviceAccountName serviceAccount ` +
      'terminationGracePeriodSeconds hostname hostNetwork shareProcessNamespace dnsConfig dnsPolicy subdomain',
    {
      containers: each,
      initContainers: each,
      volumes: fields('name', profile === 'ms' ? { ...volumeSources, ephemeral: any } : volumeSources),
      securityContext: fields(
        profile === 'ms'
          ? 'runAsUser'
          : 'runAsUser runAsGroup fsGroup supplementalGroups allowPrivilegeEscalation sysctls',
      ),
    },
  );
}

function controllerSpec(kind: string, template: Fields): Fields | undefined {
  const common = 'replicas selector minReadySeconds';
  switch (kind) {
    case 'Deployment':
      return fields(`${common} strategy progressDeadlineSeconds revisionHistoryLimit paused`, { template });
    case 'StatefulSet':
      return fields(
        `${common} serviceName podManagementPolicy persistentVolumeClaimRetentionPolicy revisionHistoryLimit ` +
          'updateStrategy volumeClaimTemplates',
        { template },
      );
    case 'DaemonSet':
      return fields('selector updateStrategy minReadySeconds revisionHistoryLimit', { template });
    case 'ReplicaSet':
    case 'ReplicationController':
      return fields(common, { template });
    case 'Job':
      return fields(
        'backoffLimit completions completionMode parallelism activeDeadlineSeconds ttlSecondsAfterFinished suspend selector',
        { template },
      );
    default:
      return undefined;
  }
}

function resourceFields(kind: string, profile: KataProfile): Fields {
  const top = 'apiVersion kind';
  const spec = podSpec(profile);
  if (kind === 'Pod') return fields(top, { metadata, spec });
  const template: Fields = { metadata, spec };
  if (kind !== 'CronJob') return fields(top, { metadata, spec: controllerSpec(kind, template) ?? any });
  const jobTemplate: Fields = { metadata, spec: controllerSpec('Job', template) ?? any };
  return fields(top, {
    metadata,
    spec: fields(
      'schedule timeZone concurrencyPolicy failedJobsHistoryLimit successfulJobsHistoryLimit startingDeadlineSeconds suspend',
      { jobTemplate },
    ),
  });
}

/**
 * The places of all fields of a policy-bearing resource that the generator does not know, as `spec.containers[0].workingDir`.
 * `status` counts as unknown, as it does for the reference tool.
 */
export function unknownFields(kind: string, value: unknown, profile: KataProfile): string[] {
  const found: string[] = [];
  collect(value, resourceFields(kind, profile), '', found);
  return found;
}

/**
 * Refuses a resource with fields that the generator does not know.
 * @throws UnsupportedError KATA_FIELD_UNKNOWN
 */
export function requireKnownFields(kind: string, name: string, value: unknown, profile: KataProfile): void {
  const found = unknownFields(kind, value, profile);
  if (found.length === 0) return;
  throw new UnsupportedError(
    'KATA_FIELD_UNKNOWN',
    `The ${kind} ${name} has a field that the policy generator does not know: ${found[0] ?? ''}.`,
    {
      details: { fields: found.slice(0, 50) },
      action: 'Remove the field, or tolerate unknown fields after checking that they change no request of the runtime.',
    },
  );
}

function collect(value: unknown, known: Fields, where: string, found: string[]): void {
  if (known === 'any' || value === null) return;
  if (Array.isArray(value)) {
    value.forEach((item, index) => {
      collect(item, known, `${where}[${index}]`, found);
    });
    return;
  }
  if (!isPlainObject(value)) return;
  for (const [name, member] of Object.entries(value)) {
    const place = where === '' ? name : `${where}.${name}`;
    const next = Object.hasOwn(known, name) ? known[name] : undefined;
    if (next === undefined) found.push(place);
    else collect(member, next, place, found);
  }
}
