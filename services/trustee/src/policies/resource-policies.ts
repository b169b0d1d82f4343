/** The resource policy a broker starts with: everybody whose evidence is real. */
export const defaultResourcePolicy: string = `package policy

import rego.v1

default allow := false

# Sample evidence proves nothing, so whoever brings it gets no resource.
allow if {
	data.plugin == "resource"
	not input.submods.cpu0["ear.veraison.annotated-evidence"].sample
}
`;

export const allowAllResourcePolicy: string = `package policy

import rego.v1

default allow := false

allow if data.plugin == "resource"
`;

export const denyAllResourcePolicy: string = `package policy

import rego.v1

default allow := false
`;

/** Only guests of which every part was appraised as affirming. */
export const affirmingResourcePolicy: string = `package policy

import rego.v1

default allow := false

allow if {
	count(input.submods) > 0
	every submodule in input.submods {
		submodule["ear.status"] == "affirming"
	}
}
`;
