import { equalJson, isMap, listAt, mapAt, numberAt, stringAt, valueAt } from '../objects.ts';
import type { ClusterObject, ObjectInput } from '../objects.ts';
import { fieldFault } from '../status.ts';
import type { StatusCause } from '../status.ts';
import { labelFault } from './names.ts';

const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never'];
const RESTART_POLICIES = ['Always', 'Never', 'OnFailure'];
const VOLUME_SOURCES = [
  'emptyDir',
  'hostPath',
  'secret',
  'nfs',
  'persistentVolumeClaim',
  'downwardAPI',
  'configMap',
  'azureFile',
  'azureDisk',
  'projected',
  'csi',
  'ephemeral',
  'image',
];
const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];

/** Faults of a pod specification, of a pod or of a template. */
export function podSpecCauses(spec: unknown, field: string): readonly StatusCause[] {
  if (!isMap(spec)) return [fieldFault.required(`${field}.containers`)];
  const volumes = new Set(listAt(spec, 'volumes').map((volume) => valueAt(volume, 'name')));
  const causes: StatusCause[] = [];
  if (listAt(spec, 'containers').length === 0) causes.push(fieldFault.required(`${field}.containers`));
  const restart = stringAt(spec, 'restartPolicy');
  if (restart !== undefined && !RESTART_POLICIES.includes(restart)) {
    causes.push(fieldFault.notSupported(`${field}.restartPolicy`, restart, RESTART_POLICIES));
  }
  const names = new Set<string>();
  for (const list of ['initContainers', 'containers']) {
    for (const [index, container] of listAt(spec, list).entries()) {
      causes.push(...containerCauses(container, `${field}.${list}[${index}]`, volumes, names));
    }
  }
  const volumeNames = new Set<unknown>();
  for (const [index, volume] of listAt(spec, 'volumes').entries()) {
    const name = stringAt(volume, 'name');
    if (name === undefined) causes.push(fieldFault.required(`${field}.volumes[${index}].name`));
    else if (volumeNames.has(name)) causes.push(fieldFault.duplicate(`${field}.volumes[${index}].name`, name));
    volumeNames.add(name);
    const sources = VOLUME_SOURCES.filter((source) => valueAt(volume, source) !== undefined);
    for (const source of sources.slice(1)) {
      const detail = 'may not specify more than 1 volume type';
      causes.push(fieldFault.forbidden(`${field}.volumes[${index}].${source}`, detail));
    }
  }
  return causes;
}

function containerCauses(
  container: unknown,
  field: string,
  volumes: ReadonlySet<unknown>,
  names: Set<string>,
): readonly StatusCause[] {
  const causes: StatusCause[] = [];
  const name = stringAt(container, 'name') ?? '';
  const fault = labelFault(name);
  if (name === '') causes.push(fieldFault.required(`${field}.name`));
  else if (fault !== undefined) causes.push(fieldFault.invalid(`${field}.name`, name, fault));
  else if (names.has(name)) causes.push(fieldFault.duplicate(`${field}.name`, name));
  names.add(name);
  if ((stringAt(container, 'image') ?? '') === '') causes.push(fieldFault.required(`${field}.image`));
  const pull = stringAt(container, 'imagePullPolicy');
  if (pull !== undefined && !PULL_POLICIES.includes(pull)) {
    causes.push(fieldFault.notSupported(`${field}.imagePullPolicy`, pull, PULL_POLICIES));
  }
  for (const [index, port] of listAt(container, 'ports').entries()) {
    const number = numberAt(port, 'containerPort') ?? 0;
    if (number < 1 || number > 65_535) {
      causes.push(
        fieldFault.invalid(`${field}.ports[${index}].containerPort`, number, 'must be between 1 and 65535, inclusive'),
      );
    }
    const protocol = stringAt(port, 'protocol') ?? 'TCP';
    if (!PROTOCOLS.includes(protocol)) {
      causes.push(fieldFault.notSupported(`${field}.ports[${index}].protocol`, protocol, PROTOCOLS));
    }
  }
  for (const probe of ['livenessProbe', 'readinessProbe', 'startupProbe']) {
    const actions = mapAt(container, probe);
    const has = ['exec', 'httpGet', 'tcpSocket', 'grpc'].some((name) => actions[name] !== undefined);
    if (valueAt(container, probe) !== undefined && !has) {
      causes.push(fieldFault.required(`${field}.${probe}`, 'must specify a handler type'));
    }
  }
  for (const [index, entry] of listAt(container, 'env').entries()) {
    if ((stringAt(entry, 'name') ?? '') === '') causes.push(fieldFault.required(`${field}.env[${index}].name`));
  }
  for (const [index, mount] of listAt(container, 'volumeMounts').entries()) {
    const volume = valueAt(mount, 'name');
    if (!volumes.has(volume)) {
      causes.push({
        reason: 'FieldValueNotFound',
        message: `Not found: ${JSON.stringify(volume ?? '')}`,
        field: `${field}.volumeMounts[${index}].name`,
      });
    }
    if (stringAt(mount, 'mountPath') === undefined) {
      causes.push(fieldFault.required(`${field}.volumeMounts[${index}].mountPath`));
    }
  }
  return causes;
}

const MUTABLE = new Set([
  'activeDeadlineSeconds',
  'tolerations',
  'terminationGracePeriodSeconds',
  'ephemeralContainers',
  'schedulingGates',
]);

/** What of a pod may not change once it exists: nearly everything but its images and, once, its node. */
export function podUpdateCauses(pod: ObjectInput, previous: ClusterObject | undefined): readonly StatusCause[] {
  if (previous === undefined) return [];
  const fixed = (one: unknown): unknown => {
    const spec = Object.entries(mapAt(one, 'spec')).filter(([name]) => !MUTABLE.has(name));
    const withoutImages = (container: unknown): unknown =>
      isMap(container) ? { ...container, image: undefined } : container;
    return Object.fromEntries(
      spec.map(([name, value]) => [
        name,
        name === 'containers' || name === 'initContainers' ? listAt({ value }, 'value').map(withoutImages) : value,
      ]),
    );
  };
  const changed = ['initContainers', 'containers'].filter(
    (list) => listAt(pod, 'spec', list).length !== listAt(previous, 'spec', list).length,
  );
  if (changed.length > 0) {
    const detail = 'pod updates may not add or remove containers';
    return changed.map((list) => fieldFault.forbidden(`spec.${list}`, detail));
  }
  const before = mapAt({ fixed: fixed(previous) }, 'fixed');
  const after = mapAt({ fixed: fixed(pod) }, 'fixed');
  const scheduled = before['nodeName'] === undefined ? { ...after, nodeName: undefined } : after;
  if (equalJson(scheduled, before)) return [];
  return [
    fieldFault.forbidden(
      'spec',
      'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
    ),
  ];
}
