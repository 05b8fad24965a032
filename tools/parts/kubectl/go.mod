// Marks the module's root for go; what is read is the .mod of each minor version.
module fairlead.dev/tools/parts/kubectl
