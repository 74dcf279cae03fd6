//! What this computer has: processor, memory, graphics cards, disks.
