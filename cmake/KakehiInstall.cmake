# SPDX-License-Identifier: Apache-2.0
# What is installed, so that others can build on it: headers under kakehi/, the library, the program, a CMake package
# and a pkg-config file. The stages install themselves (stages/CMakeLists.txt). Nothing that is installed names the
# prefix: a tree can be moved or installed below DESTDIR and used there.
include(CMakePackageConfigHelpers)

install(DIRECTORY ipc/include/kakehi engine/include/kakehi manager/include/kakehi
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(TARGETS kakehi RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS kakehi_shared kakehi_static EXPORT kakehiTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})

# libkakehi-manager: its static form is for pkg-config alone, which knows of libcrypto.
install(TARGETS kakehi_manager_shared EXPORT kakehiTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS kakehi_manager_static ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})

set(kakehi_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/kakehi)
install(EXPORT kakehiTargets NAMESPACE kakehi:: DESTINATION ${kakehi_package_dir})
set(kakehi_stage_dir ${CMAKE_INSTALL_LIBDIR}/kakehi/stages)
configure_package_config_file(cmake/kakehiConfig.cmake.in ${CMAKE_BINARY_DIR}/cmake/kakehiConfig.cmake
  INSTALL_DESTINATION ${kakehi_package_dir} PATH_VARS kakehi_stage_dir)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/cmake/kakehiConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/cmake/kakehiConfig.cmake ${CMAKE_BINARY_DIR}/cmake/kakehiConfigVersion.cmake
  DESTINATION ${kakehi_package_dir})

# The way from where the pkg-config file lies up to the prefix.
file(RELATIVE_PATH kakehi_prefix_from_pc /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" kakehi_prefix_from_pc ${kakehi_prefix_from_pc})
configure_file(cmake/kakehi.pc.in ${CMAKE_BINARY_DIR}/cmake/kakehi.pc @ONLY)
configure_file(cmake/kakehi-manager.pc.in ${CMAKE_BINARY_DIR}/cmake/kakehi-manager.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/cmake/kakehi.pc ${CMAKE_BINARY_DIR}/cmake/kakehi-manager.pc
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(FILES docs/kakehi.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)

# The headers of the toolkit as man pages. Who has no Python does without.
find_package(Python3 COMPONENTS Interpreter)
if(Python3_FOUND)
  file(GLOB kakehi_headers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/ipc/include/kakehi/*.h
    ${CMAKE_SOURCE_DIR}/manager/include/kakehi/*.h)
  set(kakehi_manual ${CMAKE_SOURCE_DIR}/cmake/manual.py)
  add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/man/made
    COMMAND Python3::Interpreter ${kakehi_manual} ${PROJECT_VERSION} ${CMAKE_BINARY_DIR}/man/man3 ${kakehi_headers}
    COMMAND ${CMAKE_COMMAND} -E touch ${CMAKE_BINARY_DIR}/man/made
    DEPENDS ${kakehi_manual} ${kakehi_headers} COMMENT "Making the man pages" VERBATIM)
  add_custom_target(kakehi_manual ALL DEPENDS ${CMAKE_BINARY_DIR}/man/made)
  install(DIRECTORY ${CMAKE_BINARY_DIR}/man/man3 DESTINATION ${CMAKE_INSTALL_MANDIR} OPTIONAL)
endif()

install(FILES LICENSE README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
