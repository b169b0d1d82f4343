import type { ErrorCodeTable } from '@holdfast/base';

export const enforcementErrorCodes: ErrorCodeTable = {
  CCE_POLICY_PACKAGE: {
    family: 'malformed',
    meaning: 'A text given as a CCE policy is another package, such as a fragment.',
    action: 'Give the document that begins with "package policy"; load fragments with the load_fragment point.',
  },
  CCE_POLICY_VALUE: {
    family: 'unsupported',
    meaning: 'A policy binds an enforcement point to something else than a framework rule or a constant decision.',
    action: 'Bind the point to data.framework.<point> or to an object with "allowed".',
  },
  CCE_GUEST_UNSUPPORTED: {
    family: 'unsupported',
    meaning:
      'The requested guest (framework version, enforcement API or operating system) is not one this release knows.',
    action: 'Choose a framework version up to 0.5.0, an enforcement API up to 0.12.0, and Linux.',
  },
  CCE_POINT_UNKNOWN: {
    family: 'request',
    meaning: 'A step names an enforcement point that the guest does not have.',
    action: 'Use the names of the enforcement API, such as mount_device or create_container.',
  },
  CCE_REQUEST_INVALID: {
    family: 'request',
    meaning: 'The input of an enforcement step lacks a field or has one of the wrong type or size.',
    action: 'Correct the named field.',
  },
  CCE_REPLAY_INVALID: {
    family: 'request',
    meaning: 'A recording of enforcement steps has no policy text or no list of steps.',
    action: 'Give an object with "policyText" (or "policy" and a reader for it) and "steps".',
  },
  CCE_DENIAL_NOT_FOUND: {
    family: 'malformed',
    meaning: 'A message carries no encoded policy decision.',
    action: 'Pass the whole event message, from "policyDecision<" to ">policyDecision".',
  },
};
