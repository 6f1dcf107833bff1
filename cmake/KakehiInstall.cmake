# SPDX-License-Identifier: Apache-2.0
# What is installed, so that others can build on it: headers under kakehi/, the library, the program, a CMake package
# and a pkg-config file. The stages install themselves (stages/CMakeLists.txt). Nothing that is installed names the
# prefix: a tree can be moved or installed below DESTDIR and used there.
include(CMakePackageConfigHelpers)

install(DIRECTORY ipc/include/kakehi engine/include/kakehi DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.h")
install(TARGETS kakehi RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS kakehi_shared kakehi_static EXPORT kakehiTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})

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
install(FILES ${CMAKE_BINARY_DIR}/cmake/kakehi.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(FILES LICENSE README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
