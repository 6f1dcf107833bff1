# SPDX-License-Identifier: Apache-2.0
# Debian's cross compiler for arm64. KAKEHI_ARM64_ROOT: where Debian's arm64 packages were unpacked (scripts/test-arm64
# does it, and runs the tests); nothing of them needs to be installed.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)

set(KAKEHI_ARM64_ROOT "" CACHE PATH "Debian packages for arm64, unpacked")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES KAKEHI_ARM64_ROOT)
set(CMAKE_FIND_ROOT_PATH ${KAKEHI_ARM64_ROOT} /usr/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(ENV{PKG_CONFIG_LIBDIR} ${KAKEHI_ARM64_ROOT}/usr/lib/aarch64-linux-gnu/pkgconfig)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${KAKEHI_ARM64_ROOT})
set(CMAKE_C_FLAGS_INIT "-isystem ${KAKEHI_ARM64_ROOT}/usr/include/aarch64-linux-gnu")
