//! Hosts: interfaces, stacks of protocols, applications, and the world they live in.
