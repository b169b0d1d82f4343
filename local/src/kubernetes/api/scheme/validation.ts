import { equalJson, isMap, listAt, mapAt, numberAt, stringAt, valueAt } from '../objects.ts';
import type { ClusterObject, ObjectInput } from '../objects.ts';
import { matchesSelector } from '../store/selectors.ts';
import { badRequest, fieldFault } from '../status.ts';
import type { StatusCause } from '../status.ts';
import { annotationCauses, labelCauses, nameFault } from './names.ts';
import { podSpecCauses, podUpdateCauses } from './pod-validation.ts';
import type { KindInfo } from './scheme.ts';
import { typeFault } from './type-check.ts';

type Validate = (object: ObjectInput, previous: ClusterObject | undefined) => readonly StatusCause[];

/**
 * Faults of an object that is about to be stored: names, labels, and what people get wrong in its kind.
 * @throws StatusError BadRequest when a member has the wrong JSON type
 */
export function validateObject(
  info: KindInfo,
  object: ObjectInput,
  previous: ClusterObject | undefined,
): readonly StatusCause[] {
  const wrong =
    info.schema.kind === 'map' && info.schema.typeName !== undefined ? typeFault(info.schema, object) : undefined;
  if (wrong !== undefined) {
    throw badRequest(`${info.kind} in version "${info.version}" cannot be handled as a ${info.kind}: ${wrong}`);
  }
  return [...metadataCauses(info, object), ...(info.validate?.(object, previous) ?? [])];
}

function metadataCauses(info: KindInfo, object: ObjectInput): readonly StatusCause[] {
  const { name, labels, annotations } = object.metadata;
  const causes: StatusCause[] = [];
  if (name === undefined || name === '')
    causes.push(fieldFault.required('metadata.name', 'name or generateName is required'));
  else {
    const fault = nameFault(info.group, info.kind, name);
    if (fault !== undefined) causes.push(fieldFault.invalid('metadata.name', name, fault));
  }
  return [
    ...causes,
    ...labelCauses(labels, 'metadata.labels'),
    ...annotationCauses(annotations, 'metadata.annotations'),
  ];
}

const IMMUTABLE = 'field is immutable';

function immutable(
  object: ObjectInput,
  previous: ClusterObject | undefined,
  ...path: readonly string[]
): readonly StatusCause[] {
  if (previous === undefined) return [];
  const value = valueAt(object, ...path);
  return equalJson(value, valueAt(previous, ...path)) ? [] : [fieldFault.invalid(path.join('.'), value, IMMUTABLE)];
}

function negative(object: ObjectInput, ...path: readonly string[]): readonly StatusCause[] {
  const value = numberAt(object, ...path);
  if (value === undefined || value >= 0) return [];
  return [fieldFault.invalid(path.join('.'), value, 'must be greater than or equal to 0')];
}

const validateWorkload: Validate = (object, previous) => {
  const selector = valueAt(object, 'spec', 'selector');
  const template = mapAt(object, 'spec', 'template');
  const causes: StatusCause[] = [...negative(object, 'spec', 'replicas')];
  const hasSelector = isMap(selector) && Object.keys(selector).length > 0;
  if (!isMap(selector)) causes.push(fieldFault.required('spec.selector'));
  else if (!hasSelector) {
    causes.push(
      fieldFault.invalid('spec.selector', selector, `empty selector is invalid for ${object.kind.toLowerCase()}`),
    );
  }
  if (!hasSelector || !matchesSelector(selector, mapAt(template, 'metadata', 'labels'))) {
    causes.push(
      fieldFault.invalid(
        'spec.template.metadata.labels',
        valueAt(template, 'metadata', 'labels') ?? null,
        '`selector` does not match template `labels`',
      ),
    );
  }
  const restart = stringAt(template, 'spec', 'restartPolicy');
  if (restart !== undefined && restart !== 'Always') {
    causes.push(fieldFault.notSupported('spec.template.spec.restartPolicy', restart, ['Always']));
  }
  return [
    ...causes,
    ...labelCauses(valueAt(template, 'metadata', 'labels'), 'spec.template.metadata.labels'),
    ...podSpecCauses(valueAt(template, 'spec'), 'spec.template.spec'),
    ...immutable(object, previous, 'spec', 'selector'),
  ];
};

const MUTABLE_IN_STATEFUL_SET = new Set([
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
]);

const validateStatefulSet: Validate = (object, previous) => {
  const causes = validateWorkload(object, undefined);
  if (previous === undefined) return causes;
  const spec = mapAt(object, 'spec');
  const before = mapAt(previous, 'spec');
  const changed = [...new Set([...Object.keys(spec), ...Object.keys(before)])].filter(
    (name) => !MUTABLE_IN_STATEFUL_SET.has(name) && !equalJson(spec[name], before[name]),
  );
  if (changed.length === 0) return causes;
  return [
    ...causes,
    fieldFault.forbidden(
      'spec',
      "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
    ),
  ];
};

const SERVICE_TYPES = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];

const validateService: Validate = (object, previous) => {
  const causes: StatusCause[] = [];
  const type = stringAt(object, 'spec', 'type') ?? 'ClusterIP';
  const ports = listAt(object, 'spec', 'ports');
  if (!SERVICE_TYPES.includes(type)) causes.push(fieldFault.notSupported('spec.type', type, SERVICE_TYPES));
  if (type === 'ExternalName') {
    if (stringAt(object, 'spec', 'externalName') === undefined) causes.push(fieldFault.required('spec.externalName'));
  } else if (ports.length === 0 && stringAt(object, 'spec', 'clusterIP') !== 'None') {
    causes.push(fieldFault.required('spec.ports'));
  }
  const seen = new Set<unknown>();
  for (const [index, port] of ports.entries()) {
    const field = `spec.ports[${index}]`;
    const number = numberAt(port, 'port');
    if (number === undefined || number < 1 || number > 65_535) {
      causes.push(fieldFault.invalid(`${field}.port`, number ?? 0, 'must be between 1 and 65535, inclusive'));
    }
    const name = stringAt(port, 'name');
    if (name === undefined && ports.length > 1) causes.push(fieldFault.required(`${field}.name`));
    if (name !== undefined && seen.has(name)) causes.push(fieldFault.duplicate(`${field}.name`, name));
    seen.add(name);
  }
  const address = stringAt(previous, 'spec', 'clusterIP');
  const isSameKind = stringAt(previous, 'spec', 'type') !== 'ExternalName' && type !== 'ExternalName';
  if (address !== undefined && isSameKind) causes.push(...immutable(object, previous, 'spec', 'clusterIP'));
  return [...causes, ...labelCauses(valueAt(object, 'spec', 'selector'), 'spec.selector')];
};

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const DATA_KEY = /^[-._a-zA-Z0-9]{1,253}$/;

const validateData: Validate = (object, previous) => {
  const isSecret = object.kind === 'Secret';
  const causes: StatusCause[] = [];
  for (const [key, value] of Object.entries(mapAt(object, 'data'))) {
    if (!DATA_KEY.test(key)) {
      causes.push(
        fieldFault.invalid(
          `data[${key}]`,
          key,
          "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
        ),
      );
    }
    if (isSecret && typeof value === 'string' && !BASE64.test(value.replaceAll('\n', ''))) {
      throw badRequest('Secret in version "v1" cannot be handled as a Secret: illegal base64 data');
    }
  }
  if (valueAt(previous, 'immutable') === true) {
    const changed = ['data', 'binaryData', 'immutable'].filter(
      (name) => !equalJson(valueAt(object, name), valueAt(previous, name)),
    );
    causes.push(...changed.map((name) => fieldFault.forbidden(name, 'field is immutable when `immutable` is set')));
  }
  return isSecret ? [...causes, ...immutable(object, previous, 'type')] : causes;
};

const validateBinding: Validate = (object, previous) => {
  const causes: StatusCause[] = [];
  if (stringAt(object, 'roleRef', 'name') === undefined) causes.push(fieldFault.required('roleRef.name'));
  if (previous !== undefined && !equalJson(object['roleRef'], previous['roleRef'])) {
    causes.push(fieldFault.invalid('roleRef', object['roleRef'], 'cannot change roleRef'));
  }
  return causes;
};

const validateWebhooks: Validate = (object) =>
  listAt(object, 'webhooks').flatMap((webhook, index) => {
    const field = `webhooks[${index}]`;
    const causes: StatusCause[] = [];
    if ((stringAt(webhook, 'name') ?? '').split('.').length < 3) {
      causes.push(
        fieldFault.invalid(
          `${field}.name`,
          valueAt(webhook, 'name') ?? '',
          'should be a domain with at least three segments separated by dots',
        ),
      );
    }
    if (valueAt(webhook, 'sideEffects') === undefined) {
      causes.push(fieldFault.required(`${field}.sideEffects`, 'must specify one of None, NoneOnDryRun'));
    }
    if (listAt(webhook, 'admissionReviewVersions').length === 0) {
      causes.push(fieldFault.required(`${field}.admissionReviewVersions`, 'must specify one of v1, v1beta1'));
    }
    const { url, service } = mapAt(webhook, 'clientConfig');
    if ((url === undefined) === (service === undefined)) {
      causes.push(fieldFault.required(`${field}.clientConfig`, 'exactly one of url or service is required'));
    }
    const timeout = numberAt(webhook, 'timeoutSeconds') ?? 10;
    if (timeout < 1 || timeout > 30) {
      causes.push(
        fieldFault.invalid(`${field}.timeoutSeconds`, timeout, 'the timeout value must be between 1 and 30 seconds'),
      );
    }
    return causes;
  });

const validateDefinition: Validate = (object) => {
  const plural = stringAt(object, 'spec', 'names', 'plural') ?? '';
  const group = stringAt(object, 'spec', 'group') ?? '';
  const versions = listAt(object, 'spec', 'versions');
  const causes: StatusCause[] = [];
  if (object.metadata.name !== `${plural}.${group}`) {
    causes.push(fieldFault.invalid('metadata.name', object.metadata.name, 'must be spec.names.plural+"."+spec.group'));
  }
  if ((stringAt(object, 'spec', 'names', 'kind') ?? '') === '') causes.push(fieldFault.required('spec.names.kind'));
  if (!['Namespaced', 'Cluster'].includes(stringAt(object, 'spec', 'scope') ?? '')) {
    causes.push(
      fieldFault.notSupported('spec.scope', valueAt(object, 'spec', 'scope') ?? '', ['Cluster', 'Namespaced']),
    );
  }
  if (versions.filter((version) => valueAt(version, 'storage') === true).length !== 1) {
    causes.push(
      fieldFault.invalid('spec.versions', versions.length, 'must have exactly one version marked as storage version'),
    );
  }
  for (const [index, version] of versions.entries()) {
    if (!isMap(valueAt(version, 'schema', 'openAPIV3Schema'))) {
      causes.push(fieldFault.required(`spec.versions[${index}].schema.openAPIV3Schema`, 'schemas are required'));
    }
  }
  return causes;
};

const validateBudget: Validate = (object) =>
  valueAt(object, 'spec', 'minAvailable') !== undefined && valueAt(object, 'spec', 'maxUnavailable') !== undefined
    ? [fieldFault.invalid('spec', mapAt(object, 'spec'), 'minAvailable and maxUnavailable cannot be both set')]
    : [];

const VALIDATORS: Readonly<Record<string, Validate>> = {
  Pod: (pod, previous) => [...podSpecCauses(pod['spec'], 'spec'), ...podUpdateCauses(pod, previous)],
  Deployment: validateWorkload,
  ReplicaSet: validateWorkload,
  DaemonSet: validateWorkload,
  StatefulSet: validateStatefulSet,
  Service: validateService,
  Secret: validateData,
  ConfigMap: validateData,
  RoleBinding: validateBinding,
  ClusterRoleBinding: validateBinding,
  MutatingWebhookConfiguration: validateWebhooks,
  ValidatingWebhookConfiguration: validateWebhooks,
  CustomResourceDefinition: validateDefinition,
  PodDisruptionBudget: validateBudget,
  RuntimeClass: (runtimeClass, previous) => [
    ...(stringAt(runtimeClass, 'handler') === undefined ? [fieldFault.required('handler')] : []),
    ...immutable(runtimeClass, previous, 'handler'),
  ],
};

export function validatorOf(kind: string): Validate | undefined {
  return VALIDATORS[kind];
}
